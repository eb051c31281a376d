// SPDX-License-Identifier: Apache-2.0
#include "mesh/ledger_log.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "mesh/budget/books.h"
#include "mesh/budget/calendar.h"
#include "mesh/journal/journal.h"
#include "mesh/journal/volume.h"
#include "mesh/rpc/startup.h"
#include "mesh/seal/keys.h"
#include "mesh/seal/ledger_key.h"
#include "mesh/state/snapshot_file.h"

namespace vidai::mesh {

namespace {

using namespace budget;  // NOLINT(google-build-using-namespace)

constexpr std::size_t kJournalBytesMax = std::size_t{8} << 30;

using Fields = std::vector<std::pair<std::string_view, std::string>>;

std::string text(const LogId& log) {
    return seal::fingerprint(log.ledger) + "/" + std::to_string(log.generation);
}
std::string text(MicroUsd amount) {
    return std::to_string(amount.value);
}
std::string text(const Rule& rule) {
    const std::string zone = rule.period == Period::kNone ? ""
                             : rule.zone.empty()          ? "UTC"
                                                          : rule.zone;
    return std::string(period_name(rule.period)) + (zone.empty() ? "" : " " + zone);
}
std::string text(const Policy& policy) {
    std::string out = policy.enforce ? "enforce" : "observe";
    for (const std::uint8_t percent : policy.alerts) out += " " + std::to_string(percent) + "%";
    return out;
}
std::string text(const Holder& holder) {
    return seal::fingerprint(holder.ledger) + " start " + std::to_string(holder.boot.value);
}

struct Describe {
    LedgerEntry& out;

    void say(const char* what, Fields fields = {}) const {
        out.what = what;
        out.fields = std::move(fields);
    }
    void operator()(const Genesis&) const { say("genesis"); }
    void operator()(const Open&) const { say("open"); }
    void operator()(const Define& e) const {
        say("define", {{"budget", e.budget.str()},
                       {"limit_micro_usd", text(e.limit)},
                       {"window", text(e.rule)},
                       {"policy", text(e.policy)}});
    }
    void operator()(const SetLimit& e) const {
        say("set_limit", {{"budget", e.budget.str()}, {"limit_micro_usd", text(e.limit)}});
    }
    void operator()(const SetRule& e) const {
        say("set_window", {{"budget", e.budget.str()}, {"window", text(e.rule)}});
    }
    void operator()(const SetPolicy& e) const {
        say("set_policy", {{"budget", e.budget.str()}, {"policy", text(e.policy)}});
    }
    void operator()(const Alert& e) const {
        say("alert", {{"budget", e.money.budget.str()},
                      {"window", std::to_string(e.money.window)},
                      {"percent", std::to_string(e.percent)}});
    }
    void operator()(const OpenTopUp& e) const {
        say("top_up", {{"budget", e.budget.str()},
                       {"id", e.id},
                       {"amount_micro_usd", text(e.top_up.amount)},
                       {"until_ms", std::to_string(e.top_up.until.time_since_epoch().count())},
                       {"note", e.top_up.note}});
    }
    void operator()(const EndTopUp& e) const {
        say("end_top_up", {{"budget", e.budget.str()}, {"id", e.id}});
    }
    void operator()(const Remove& e) const { say("delete", {{"budget", e.budget.str()}}); }
    void operator()(const Activate& e) const {
        say("activate", {{"budget", e.money.budget.str()},
                         {"window", std::to_string(e.money.window)},
                         {"start", std::to_string(e.boot.value)},
                         {"amount_micro_usd", text(e.amount)}});
    }
    void operator()(const Return& e) const {
        say("return", {{"budget", e.money.budget.str()},
                       {"window", std::to_string(e.money.window)},
                       {"holder", text(e.account.holder)},
                       {"returned_micro_usd", text(e.returned)}});
    }
    void operator()(const Out& e) const {
        say("out", {{"bucket", std::to_string(e.bucket.value)}, {"to", text(e.to)}});
    }
    void operator()(const In& e) const {
        say("in", {{"bucket", std::to_string(e.bucket.value)},
                   {"from", text(e.from)},
                   {"at", std::to_string(e.at)}});
    }
    void operator()(const Close& e) const { say("close", {{"to", text(e.to)}}); }
    void operator()(const Inherit& e) const {
        say("inherit", {{"from", text(e.from)}, {"at", std::to_string(e.at)}});
    }
    void operator()(const Adopt& e) const {
        say("adopt", {{"from", text(e.header.id)}, {"at", std::to_string(e.head)}});
    }
    void operator()(const AdoptCircle& e) const {
        Fields fields;
        for (const EndedLog& log : e.logs) fields.emplace_back("from", text(log.header.id));
        say("adopt_circle", std::move(fields));
    }
};

using EachEntry = std::function<void(const LedgerEntry&)>;

void tell(const LogId& log, std::span<const BatchRef> batches, const EachEntry& each) {
    if (!each) return;
    std::uint64_t number = 0;
    for (const BatchRef& batch : batches) {
        for (const EntryRef& entry : entries_of(*batch)) {
            LedgerEntry told{text(log), ++number, {}};
            std::visit(Describe{told}, *entry);
            each(told);
        }
    }
}

LedgerLog summary(const LogId& id, const LogState& state, std::uint64_t entries) {
    const Estate& estate = state.estate();
    return {.name = text(id),
            .entries = entries,
            .closed = state.closed_to().has_value(),
            .buckets = estate.owned.count(),
            .budgets = estate.budgets.size()};
}

void tell_all(const Books& books, LedgerAudit& audit, const EachEntry& each) {
    for (const auto& [id, log] : books.own()) {
        audit.logs.push_back(summary(id, log.ledger.state(), log.ledger.size()));
        audit.logs.back().own = true;
        tell(id, log.batches, each);
    }
    for (const auto& [id, log] : books.kept()) {
        audit.logs.push_back(summary(id, log.custody.state(), log.custody.size()));
        audit.logs.back().sealed = log.custody.sealed();
        tell(id, log.batches, each);
    }
}

}  // namespace

Result<LedgerAudit> read_ledger(const std::string& data_dir, const EachEntry& each) {
    std::error_code ignored;
    if (!std::filesystem::exists(data_dir + "/ledger", ignored)) {
        return fail(ErrorCode::kNotFound,
                    "there is no ledger in " + data_dir +
                        ": give the data directory of a node (mesh.data_dir) that has been started",
                    data_dir);
    }
    const auto stored = state::load_state(data_dir + "/" + rpc::kStateFile);
    if (!stored) return fail(stored.error());
    const auto volume = seal::read_ledger_volume(data_dir);
    if (!volume) return fail(volume.error());
    auto file = journal::copy_file(volume->journal, kJournalBytesMax);
    if (!file) return fail(std::move(file).error());
    LedgerAudit audit;
    audit.path = volume->journal;
    audit.ledger = seal::fingerprint(volume->key->public_key());
    Books books(stored->mesh, *volume->key, Signed::kVerify);
    auto journal = journal::Journal::reopen(
        **file, {stored->mesh, volume->key->public_key()},
        [&](std::uint8_t kind, seal::ByteView bytes) { return books.read(kind, bytes); });
    if (!journal) return fail(std::move(journal).error());
    if (auto whole = books.begin(); !whole) return fail(std::move(whole).error());
    audit.bytes = journal->size();
    audit.records = journal->recovered().records;
    audit.torn = journal->recovered().cut;
    tell_all(books, audit, each);
    return audit;
}

}  // namespace vidai::mesh
