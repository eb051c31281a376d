// SPDX-License-Identifier: Apache-2.0
// What must be true of every state, and of one that has healed.
#include <algorithm>
#include <utility>
#include <variant>

#include "tests/explore/world.h"

namespace vidai::explore {

using namespace mesh::budget;  // NOLINT(google-build-using-namespace)

namespace {

void mix(Digest& digest, std::uint64_t value) {
    digest.a = (digest.a ^ value) * 0x9e3779b97f4a7c15;
    digest.a ^= digest.a >> 29;
    digest.b = (digest.b + value) * 0xd6e8feb86659fd93;
    digest.b ^= digest.b >> 32;
}
void mix(Digest& digest, const LedgerKey& key) {
    mix(digest, key.bytes[0]);
}
void mix(Digest& digest, const LogId& id) {
    mix(digest, id.ledger);
    mix(digest, id.generation);
}
void mix(Digest& digest, const AccountName& name) {
    mix(digest, name.log);
    mix(digest, name.boot.value);
    mix(digest, name.holder.ledger);
    mix(digest, name.holder.boot.value);
}
void mix(Digest& digest, MicroUsd amount) {
    mix(digest, static_cast<std::uint64_t>(amount.value));
}

// All in which two entries of a scenario can differ.
struct Mix {
    Digest& digest;
    void operator()(const Genesis&) const {}
    void operator()(const Open&) const {}
    void operator()(const Define& entry) const { mix(digest, entry.limit); }
    void operator()(const SetLimit& entry) const { mix(digest, entry.limit); }
    void operator()(const Remove&) const {}
    void operator()(const SetPolicy&) const {}
    void operator()(const Alert&) const {}
    void operator()(const OpenTopUp&) const {}
    void operator()(const EndTopUp&) const {}
    // Its one budget is for ever; no scenario has windows.
    void operator()(const SetRule& entry) const {
        mix(digest, static_cast<std::uint64_t>(entry.rule.period));
    }
    void operator()(const Activate& entry) const { mix(digest, entry.boot.value); }
    void operator()(const Return& entry) const {
        mix(digest, entry.account);
        mix(digest, entry.returned);
    }
    void operator()(const Out& entry) const { mix(digest, entry.to); }
    void operator()(const In& entry) const {
        mix(digest, entry.from);
        mix(digest, entry.at);
    }
    void operator()(const Close& entry) const { mix(digest, entry.to); }
    void operator()(const Inherit& entry) const {
        mix(digest, entry.from);
        mix(digest, entry.at);
    }
    void operator()(const Adopt& entry) const {
        mix(digest, entry.header.id);
        mix(digest, entry.head);
    }
    void operator()(const AdoptCircle& entry) const {
        for (const EndedLog& log : entry.logs) {
            mix(digest, log.header.id);
            mix(digest, log.head);
        }
    }
};

MicroUsd in_use(const LogState& state) {
    MicroUsd sum;
    for (const auto& [name, budget] : state.estate().budgets) {
        for (const auto& [ordinal, window] : budget.windows) sum += window.in_use();
    }
    return sum;
}

}  // namespace

Digest World::digest() const {
    Digest digest;
    for (int log = 0; log < static_cast<int>(ledgers_.size()); ++log) {
        mix(digest, ledger(log).entries().size());
        for (const EntryRef& entry : ledger(log).entries()) {
            mix(digest, entry->index());
            std::visit(Mix{digest}, *entry);
        }
        for (const Custody& copy : copies(log)) {
            mix(digest, copy.state().seq() * 4 + (copy.synced() < copy.state().seq() ? 2U : 0U) +
                            (copy.sealed() ? 1U : 0U));
        }
    }
    for (const Boot& boot : boots_) mix(digest, boot.value);
    for (const auto& [name, purse] : accounts_) {
        mix(digest, name);
        mix(digest, purse.account.granted());
        mix(digest, purse.account.returned());
        mix(digest, static_cast<std::uint64_t>(purse.billed));
    }
    return digest;
}

std::int64_t World::billed() const {
    std::int64_t sum = 0;
    for (const auto& [name, purse] : accounts_) sum += purse.billed;
    return sum;
}

bool World::seal_quorum(int log) const {
    const auto seals = std::ranges::count_if(copies(log), &Custody::sealed);
    return static_cast<std::size_t>(seals) >= quorum_of(copies(log).size()).seal;
}

LogState World::state_at(int log, Seq upto) const {
    LogState state(ledger(log).header());
    for (const EntryRef& entry : ledger(log).entries().first(upto)) (void)state.apply(*entry);
    return state;
}

LogState World::committed_state(int log) const {
    return state_at(log, ledger(log).committed());
}

std::string World::overspent() const {
    int most = scenario_->limit;
    for (const auto& [log, limit] : scenario_->edits) most = std::max(most, limit);
    if (billed() <= most) return {};
    return "I1: " + std::to_string(billed()) + " billed of a budget of " + std::to_string(most);
}

// A committed lower limit binds: at most that, or what was in use just before it.
std::string World::lowered() const {
    MicroUsd greatest;
    for (const Ledger& ledger : ledgers_) {
        for (const EntryRef& entry : ledger.entries()) {
            const auto* edit = std::get_if<SetLimit>(entry.get());
            if (edit != nullptr) greatest = std::max(greatest, edit->limit);
        }
    }
    for (const Ledger& ledger : ledgers_) {
        LogState before(ledger.header());
        for (const EntryRef& entry : ledger.entries().first(ledger.committed())) {
            const auto* edit = std::get_if<SetLimit>(entry.get());
            if (edit != nullptr && edit->limit == greatest &&
                billed() > std::max(edit->limit, in_use(before)).value) {
                return "I1: " + std::to_string(billed()) + " billed above a committed limit of " +
                       std::to_string(edit->limit.value);
            }
            (void)before.apply(*entry);
        }
    }
    return {};
}

std::string World::broken() const {
    if (auto why = overspent(); !why.empty()) return why;
    if (!scenario_->edits.empty()) {
        if (auto why = lowered(); !why.empty()) return why;
    }
    int owners = 0;
    for (int log = 0; log < static_cast<int>(ledgers_.size()); ++log) {
        if (ledger(log).entries().empty() || seal_quorum(log)) continue;
        owners += committed_state(log).owns(bucket_of(BudgetId("team"))) ? 1 : 0;
    }
    if (owners > 1) return "I2: two logs may commit activations of one bucket";
    for (const auto& [name, purse] : accounts_) {
        const Account& account = purse.account;
        if (account.spent() + account.returned() > account.granted()) {
            return "I8: an account has spent and returned more than it was granted";
        }
        if (!account.balance().conserved()) return "I3: an account's money does not add up";
    }
    for (const Ledger& ledger : ledgers_) {
        if (ledger.pool({BudgetId("team"), 1}).value < 0) return "I3: more granted than activated";
    }
    for (int log = 0; log < static_cast<int>(ledgers_.size()); ++log) {
        for (const Custody& copy : copies(log)) {
            const auto mine = copy.entries(), owners_own = ledger(log).entries();
            if (mine.size() > owners_own.size() ||
                !std::equal(mine.begin(), mine.end(), owners_own.begin())) {
                return "I4: a copy is no prefix of the log";
            }
        }
    }
    return {};
}

// What processes that have ended had and did not use: granted to them, or in their pools.
std::int64_t World::lost() const {
    std::map<int, Seq> counted;  // logs that passed on what they had, and how far
    std::vector<std::pair<int, Seq>> open;
    MicroUsd lost;
    for (int log = 0; log < static_cast<int>(ledgers_.size()); ++log) {
        if (seal_quorum(log) || !committed_state(log).owns(bucket_of(BudgetId("team")))) continue;
        open.emplace_back(log, ledger(log).entries().size());
        const auto& windows = ledger(log).state().budget(BudgetId("team"))->windows;
        const auto window = windows.find(1);
        for (const auto& [name, purse] : accounts_) {
            if (alive(name)) continue;
            const bool known = window != windows.end() && window->second.returned.contains(name);
            lost += purse.account.granted() - MicroUsd{purse.billed} -
                    (known ? window->second.returned.at(name) : MicroUsd{});
        }
    }
    while (!open.empty()) {
        const auto [log, upto] = open.back();
        open.pop_back();
        if (counted[log] >= upto) continue;
        counted[log] = upto;
        for (const EntryRef& entry : ledger(log).entries().first(upto)) {
            if (const auto* in = std::get_if<In>(entry.get())) {
                open.emplace_back(log_of(in->from), in->at);
            } else if (const auto* inherit = std::get_if<Inherit>(entry.get())) {
                open.emplace_back(log_of(inherit->from), inherit->at);
            }
            for (const auto& [id, head] : adopted_by(*entry)) open.emplace_back(log_of(id), head);
        }
    }
    for (const auto& [log, upto] : counted) {
        for (const EntryRef& entry : ledger(log).entries().first(upto)) {
            const auto* activate = std::get_if<Activate>(entry.get());
            if (activate != nullptr && activate->boot != ledger(log).boot()) {
                lost += activate->amount;
            }
        }
        for (const auto& [name, purse] : accounts_) {
            const bool of_it = log_of(name.log) == log && name.boot != ledger(log).boot();
            if (of_it) lost -= purse.account.granted();
        }
    }
    return lost.value;
}

std::string World::stuck() const {
    int owner = -1;
    for (int log = 0; log < static_cast<int>(ledgers_.size()); ++log) {
        if (seal_quorum(log) || !committed_state(log).owns(bucket_of(BudgetId("team")))) continue;
        owner = log;
    }
    if (owner < 0) return "no log owns the bucket";
    const BudgetState* budget = ledger(owner).state().budget(BudgetId("team"));
    if (budget == nullptr) return "the owner does not know the budget";
    if (billed() + lost() >= budget->limit.value) return {};
    return "I14: " + std::to_string(billed()) + " spent and " + std::to_string(lost()) +
           " lost of a limit of " + std::to_string(budget->limit.value) + ", and no more to be had";
}

}  // namespace vidai::explore
