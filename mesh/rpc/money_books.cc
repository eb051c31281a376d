// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/money_books.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mesh/seal/encoding.h"

namespace vidai::mesh::rpc {

namespace {

using namespace budget;  // NOLINT(google-build-using-namespace)

using Place = std::pair<Bucket, BudgetId>;
using NodeOf = std::function<NodeId(const LedgerKey&)>;

Place place_of(const BudgetId& id) {
    return {bucket_of(id), id};
}
std::string hex(const LedgerKey& key) {
    return seal::to_hex(key.bytes);
}
LogName name_of(const LogId& log) {
    return {hex(log.ledger), log.generation};
}
LogEnd end_of(const Head& head) {
    return {head.seq, seal::to_hex(head.hash)};
}

// Keeps the lowest places behind `after`, one more than an answer has.
class Next {
  public:
    explicit Next(std::optional<Place> after) : after_(std::move(after)) {}
    void add(const Place& place) {
        if (after_ && place <= *after_) return;
        if (full() && place > *places_.rbegin()) return;
        places_.insert(place);
        if (places_.size() > MoneyBooks::kBudgetsMax + 1) places_.erase(std::prev(places_.end()));
    }
    void add(const Budgets& budgets) {
        auto at = after_ ? budgets.upper_bound(*after_) : budgets.begin();
        for (; at != budgets.end(); ++at) {
            if (full() && at->first > *places_.rbegin()) return;
            add(at->first);
        }
    }
    const std::set<Place>& places() const { return places_; }

  private:
    bool full() const { return places_.size() > MoneyBooks::kBudgetsMax; }
    std::optional<Place> after_;
    std::set<Place> places_;
};

void choose(const Bank& bank, const BudgetId& budget, const BudgetId& after, MoneyBooks& out) {
    if (!budget.empty()) {
        out.budgets = {budget};
        return;
    }
    Next next(after.empty() ? std::nullopt : std::optional(place_of(after)));
    if (const budget::OwnLog* log = bank.books().newest()) {
        next.add(log->ledger.state().estate().budgets);
    }
    for (const auto& [id, copy] : bank.books().kept()) {
        next.add(copy.custody.state().estate().budgets);
    }
    for (const BudgetWindow& money : bank.leases().windows()) next.add(place_of(money.budget));
    for (const Place& place : next.places()) out.budgets.push_back(place.second);
    out.more = out.budgets.size() > MoneyBooks::kBudgetsMax;
    if (out.more) out.budgets.pop_back();
}

void tell_own(const budget::OwnLog& log, const NodeOf& node_of, MoneyBooks& out) {
    MoneyBooks::OwnLog own;
    own.log = name_of(log.header().id);
    own.committed = log.ledger.committed();
    const std::size_t skipped =
        log.batches.size() - std::min(log.batches.size(), MoneyBooks::kEndsMax);
    for (std::size_t i = skipped; i < log.batches.size(); ++i) {
        own.ends.push_back(end_of(log.batches[i]->head));
    }
    for (const LedgerKey& custodian : log.header().custodians) {
        own.custodians.push_back(hex(custodian));
        own.keepers.push_back(node_of(custodian));
    }
    own.needed = static_cast<std::uint32_t>(quorum_of(log.header().custodians.size()).act);
    out.own.push_back(std::move(own));
}

std::map<BudgetWindow, MicroUsd> uncommitted(const Ledger& ledger) {
    std::map<BudgetWindow, MicroUsd> out;
    for (const EntryRef& entry : ledger.entries_behind(ledger.committed())) {
        if (const auto* activate = std::get_if<Activate>(entry.get())) {
            out[activate->money] += activate->amount;
        }
    }
    return out;
}

void tell_owned(const Bank& bank, const budget::OwnLog& log, const NodeOf& node_of,
                MoneyBooks& out) {
    const auto pending = uncommitted(log.ledger);
    for (const BudgetId& id : out.budgets) {
        const BudgetState* budget = log.ledger.state().budget(id);
        if (budget == nullptr) continue;
        auto windows = budget->windows;
        if (windows.empty()) windows.try_emplace(0);
        for (const auto& [ordinal, window] : windows) {
            const BudgetWindow money{id, ordinal};
            const Ledger::Lending lending = log.ledger.lending(money);
            MoneyBooks::Owned owned;
            owned.budget = id;
            owned.window = ordinal;
            owned.limit = limit_of(*budget);
            owned.activated = window.activated;
            owned.returned = window.returned_sum;
            if (const auto some = pending.find(money); some != pending.end()) {
                owned.uncommitted = some->second;
            }
            owned.activated_here = lending.activated;
            owned.enforced = budget->policy.enforce;
            owned.deleted = budget->deleted;
            const auto leases = bank.owner().leases(money);
            for (const auto& [holder, granted] : lending.granted) {
                owned.granted_here += granted;
                if (owned.lent.size() == kLeasesShown) continue;
                MoneyBooks::Lent lent;
                lent.ledger = hex(holder.ledger);
                lent.start = holder.boot.value;
                lent.node = node_of(holder.ledger);
                lent.granted = granted;
                if (const auto at = leases.find(log.ledger.account(holder)); at != leases.end()) {
                    lent.spent = at->second.spent;
                    lent.returned = at->second.returned;
                    lent.lost = at->second.lost;
                }
                owned.lent.push_back(std::move(lent));
            }
            out.owned.push_back(std::move(owned));
        }
    }
}

void tell_kept(const Bank& bank, MoneyBooks& out) {
    for (const auto& [id, copy] : bank.books().kept()) {
        // What is not on the disk yet is nobody's word.
        out.kept_logs.push_back({name_of(id), end_of(copy.synced), copy.custody.sealed()});
        for (const BudgetId& budget : out.budgets) {
            const BudgetState* state = copy.custody.state().budget(budget);
            if (state == nullptr) continue;
            for (const auto& [ordinal, window] : state->windows) {
                out.kept.push_back(
                    {name_of(id), budget, ordinal, window.activated, window.returned_sum});
            }
        }
    }
}

void tell_held(const Bank& bank, MoneyBooks& out) {
    const std::set<BudgetId> wanted(out.budgets.begin(), out.budgets.end());
    for (const BudgetWindow& money : bank.leases().windows()) {
        if (!wanted.contains(money.budget)) continue;
        for (const Leases::Purse& purse : bank.leases().all(money)) {
            const Balance at = purse.account->steady_balance();
            out.held.push_back({money.budget, money.window, name_of(purse.name.log),
                                purse.name.boot.value, at.granted, at.spent, at.reserved,
                                at.returned, at.free});
        }
    }
}

}  // namespace

MoneyBooks money_books(const Bank& bank, const BudgetId& budget, const BudgetId& after,
                       const NodeOf& node_of) {
    MoneyBooks out;
    out.ledger = hex(bank.books().self());
    out.start = bank.books().boot().value;
    out.frozen = bank.frozen();
    const auto owned = bank.hello().owned;  // none where its log cannot act
    for (std::size_t i = 0; i < owned.size(); ++i) out.owns.push_back(owned[i]);
    choose(bank, budget, after, out);
    tell_kept(bank, out);
    tell_held(bank, out);
    if (const budget::OwnLog* log = bank.books().newest(); log != nullptr && bank.ready()) {
        tell_own(*log, node_of, out);
        tell_owned(bank, *log, node_of, out);
    }
    return out;
}

}  // namespace vidai::mesh::rpc
