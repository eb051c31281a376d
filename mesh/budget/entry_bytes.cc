// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/entry_bytes.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "mesh/budget/batch.h"
#include "mesh/budget/policy_bytes.h"
#include "mesh/budget/top_up_bytes.h"

namespace vidai::mesh::budget {

namespace {

fb::Key write(const LedgerKey& key) {
    return fb::Key(flatbuffers::span<const std::uint8_t, 32>(key.bytes));
}
fb::Place write(const LogId& log, Seq seq) {
    return {write_log(log), seq};
}
fb::Account write(const AccountName& name, MicroUsd returned) {
    return write_account(name, returned);
}

template <class Range, class Make>
auto structs(Builder& out, const Range& range, Make make) {
    std::vector<decltype(make(*range.begin()))> all;
    all.reserve(range.size());
    for (const auto& one : range) all.push_back(make(one));
    return out.CreateVectorOfStructs(all);
}
auto write_keys(Builder& out, const std::vector<LedgerKey>& keys) {
    return structs(out, keys, [](const LedgerKey& key) { return write(key); });
}
auto write_logs(Builder& out, const std::set<LogId>& logs) {
    return structs(out, logs, [](const LogId& log) { return write_log(log); });
}
auto write_seals(Builder& out, const std::vector<SealedHead>& seals) {
    return structs(out, seals, [](const SealedHead& seal) {
        return fb::SealedHead(write(seal.custodian), seal.head);
    });
}

Offset<fb::Budget> write(Builder& out, const BudgetId& id, const BudgetState& budget) {
    std::vector<Offset<fb::Window>> windows;
    for (const auto& [ordinal, window] : budget.windows) {
        const auto accounts = structs(out, window.returned,
                                      [](const auto& one) { return write(one.first, one.second); });
        windows.push_back(
            fb::CreateWindow(out, ordinal, window.activated.value, accounts, window.alerted));
    }
    const auto name = out.CreateString(id.str());
    const auto all = out.CreateVector(windows);
    const auto zone = out.CreateString(budget.rule.zone);
    const auto policy = write_policy(out, budget.policy);
    const auto open = write_open(out, budget.top_ups.open);
    Offset<Vector<Offset<flatbuffers::String>>> ended;
    if (!budget.top_ups.ended.empty()) {
        ended = out.CreateVectorOfStrings(budget.top_ups.ended);
    }
    return fb::CreateBudget(out, name, budget.limit.value, all,
                            static_cast<std::uint8_t>(budget.rule.period), zone, budget.deleted,
                            budget.calendar, policy, open, ended);
}
auto write(Builder& out, const Budgets& budgets) {
    std::vector<Offset<fb::Budget>> all;
    all.reserve(budgets.size());
    for (const auto& [name, state] : budgets) all.push_back(write(out, name.second, state));
    return out.CreateVector(all);
}
Offset<fb::Estate> write(Builder& out, const Estate& estate) {
    const auto bits = write_owned(out, estate.owned);
    const auto budgets = write(out, estate.budgets);
    const auto represents = write_logs(out, estate.represents);
    const auto taken =
        structs(out, estate.taken, [](const auto& one) { return write(one.first, one.second); });
    const auto adopted =
        structs(out, estate.adopted, [](const auto& one) { return write_log(one.first); });
    std::vector<Seq> adopted_heads;
    for (const auto& [log, head] : estate.adopted) adopted_heads.push_back(head);
    const auto heads = out.CreateVector(adopted_heads);
    return fb::CreateEstate(out, bits, budgets, represents, taken, adopted, heads);
}
Offset<fb::Proof> write(Builder& out, const Proof& proof) {
    const auto log = write_header(out, proof.log);
    return fb::CreateProof(out, log, write_keys(out, proof.attested_by));
}

// One overload for each kind: its body as the union has it.
struct BodyWriter {
    Builder& out;
    using Written = std::pair<fb::Body, Offset<void>>;

    template <class T>
    static Written body(fb::Body kind, Offset<T> made) {
        return {kind, made.Union()};
    }
    Written operator()(const Genesis&) const {
        return body(fb::Body::Genesis, fb::CreateGenesis(out));
    }
    Written operator()(const Open&) const { return body(fb::Body::Open, fb::CreateOpen(out)); }
    Written operator()(const Define& e) const {
        const auto id = out.CreateString(e.budget.str()), zone = out.CreateString(e.rule.zone);
        return body(fb::Body::Define, fb::CreateDefine(out, id, e.limit.value,
                                                       static_cast<std::uint8_t>(e.rule.period),
                                                       zone, write_policy(out, e.policy)));
    }
    Written operator()(const SetPolicy& e) const {
        const auto id = out.CreateString(e.budget.str());
        return body(fb::Body::SetPolicy, fb::CreateSetPolicy(out, id, write_policy(out, e.policy)));
    }
    Written operator()(const Remove& e) const {
        return body(fb::Body::Remove, fb::CreateRemove(out, out.CreateString(e.budget.str())));
    }
    Written operator()(const SetRule& e) const {
        const auto id = out.CreateString(e.budget.str()), zone = out.CreateString(e.rule.zone);
        return body(fb::Body::SetRule,
                    fb::CreateSetRule(out, id, static_cast<std::uint8_t>(e.rule.period), zone));
    }
    Written operator()(const Alert& e) const {
        const auto id = out.CreateString(e.money.budget.str());
        return body(fb::Body::Alert, fb::CreateAlert(out, id, e.money.window, e.percent));
    }
    Written operator()(const OpenTopUp& e) const {
        const auto id = out.CreateString(e.budget.str());
        return body(fb::Body::OpenTopUp,
                    fb::CreateOpenTopUp(out, id, write_top_up(out, e.id, e.top_up)));
    }
    Written operator()(const EndTopUp& e) const {
        const auto budget = out.CreateString(e.budget.str());
        return body(fb::Body::EndTopUp, fb::CreateEndTopUp(out, budget, out.CreateString(e.id)));
    }
    Written operator()(const SetLimit& e) const {
        const auto id = out.CreateString(e.budget.str());
        return body(fb::Body::SetLimit, fb::CreateSetLimit(out, id, e.limit.value));
    }
    Written operator()(const Activate& e) const {
        const auto id = out.CreateString(e.money.budget.str());
        return body(fb::Body::Activate,
                    fb::CreateActivate(out, id, e.money.window, e.boot.value, e.amount.value));
    }
    Written operator()(const Return& e) const {
        const auto id = out.CreateString(e.money.budget.str());
        const fb::Account account = write(e.account, e.returned);
        return body(fb::Body::Return, fb::CreateReturn(out, id, e.money.window, &account));
    }
    Written operator()(const Out& e) const {
        const fb::LogId to = write_log(e.to);
        return body(fb::Body::Out, fb::CreateOut(out, e.bucket.value, &to));
    }
    Written operator()(const In& e) const {
        const fb::Place from = write(e.from, e.at);
        const fb::LogId to = write_log(e.to);
        const auto proof = write(out, e.proof);
        const auto budgets = write(out, e.budgets);
        return body(fb::Body::In, fb::CreateIn(out, e.bucket.value, &from, &to, proof, budgets));
    }
    Written operator()(const Close& e) const {
        const fb::LogId to = write_log(e.to);
        return body(fb::Body::Close, fb::CreateClose(out, &to));
    }
    Written operator()(const Inherit& e) const {
        const fb::Place from = write(e.from, e.at);
        const fb::LogId to = write_log(e.to);
        const auto proof = write(out, e.proof);
        const auto estate = write(out, *e.estate);
        return body(fb::Body::Inherit, fb::CreateInherit(out, &from, &to, proof, estate));
    }
    Written operator()(const Adopt& e) const {
        const auto header = write_header(out, e.header);
        const auto seals = write_seals(out, e.seals);
        const auto estate = write(out, *e.estate);
        return body(fb::Body::Adopt, fb::CreateAdopt(out, header, seals, e.head, e.closed, estate));
    }
    Written operator()(const AdoptCircle& e) const {
        std::vector<Offset<fb::EndedLog>> logs;
        for (const EndedLog& log : e.logs) {
            const auto header = write_header(out, log.header);
            const auto seals = write_seals(out, log.seals);
            const auto represents = write_logs(out, log.represents);
            const fb::LogId to = write_log(log.closed_to.value_or(LogId{}));
            logs.push_back(fb::CreateEndedLog(out, header, seals, log.head,
                                              log.closed_to.has_value(), &to, represents));
        }
        const auto all = out.CreateVector(logs);
        return body(fb::Body::AdoptCircle, fb::CreateAdoptCircle(out, all, write(out, *e.estate)));
    }
};

}  // namespace

fb::LogId write_log(const LogId& log) {
    return {write(log.ledger), log.generation};
}

fb::Account write_account(const AccountName& name, MicroUsd returned) {
    return {write_log(name.log), name.boot.value,
            fb::Holder(write(name.holder.ledger), name.holder.boot.value), returned.value};
}

Offset<Vector<Offset<fb::Budget>>> write_budgets(Builder& out, const Budgets& budgets) {
    return write(out, budgets);
}

Offset<Vector<std::uint8_t>> write_owned(Builder& out, const std::bitset<kBuckets>& owned) {
    std::array<std::uint8_t, kOwnedBytes> bits{};
    for (std::size_t i = 0; i < kBuckets; ++i) {
        if (owned[i]) bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | 1U << i % 8);
    }
    return out.CreateVector(bits.data(), bits.size());
}

Offset<fb::Header> write_header(Builder& out, const LogHeader& header) {
    const auto custodians = write_keys(out, header.custodians);
    const fb::LogId id = write_log(header.id), successor = write_log(header.successor);
    return fb::CreateHeader(out, &id, custodians, &successor, header.genesis);
}

Offset<fb::Entry> write_entry(Builder& out, const Entry& entry) {
    const auto [kind, body] = std::visit(BodyWriter{out}, entry);
    return fb::CreateEntry(out, kind, body);
}

}  // namespace vidai::mesh::budget
