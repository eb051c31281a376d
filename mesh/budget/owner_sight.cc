// SPDX-License-Identifier: Apache-2.0
// The part of Owner that says what is known of a budget.
#include <algorithm>

#include "mesh/budget/owner.h"

namespace vidai::mesh::budget {

Position Owner::position(const BudgetWindow& money) const {
    Position at;
    const OwnLog* log = books_.newest();
    const BudgetState* budget = log == nullptr ? nullptr : log->ledger.state().budget(money.budget);
    if (budget == nullptr) {
        at.standing = Standing::kUnknown;
        return at;
    }
    if (budget->deleted) at.standing = Standing::kDeleted;
    at.limit = limit_of(*budget);
    at.enforce = budget->policy.enforce;
    const auto window = budget->windows.find(money.window);
    const MicroUsd in_use = window == budget->windows.end() ? MicroUsd{} : window->second.in_use();
    const Money* of = find(money);
    MicroUsd unspent = log->ledger.pool(money);
    if (of != nullptr) unspent += of->activating + of->unspent;
    at.left = std::max(MicroUsd{}, at.limit - std::max(MicroUsd{}, in_use - unspent));
    return at;
}

Sight Owner::sight(const BudgetId& id, MonoTime now) const {
    Sight out;
    out.budget = id;
    const Ledger& log = ledger();
    const BudgetState* budget = log.state().budget(id);
    const auto window = budget == nullptr ? std::nullopt : window_of(*budget, now);
    const BudgetWindow money{id, window ? window->ordinal : 0};
    out.position = position(money);
    if (budget == nullptr) return out;
    const bool open = out.position.standing == Standing::kOpen;
    if (open && !tells_time(*budget)) out.position.standing = Standing::kClock;
    out.rule = budget->rule;
    out.policy = budget->policy;
    out.base = budget->limit;
    out.top_ups = budget->top_ups.open;
    if (window) out.ends = window->end;
    if (const auto at = budget->windows.find(money.window); at != budget->windows.end()) {
        out.activated = at->second.activated;
        out.returned = at->second.returned_sum;
        out.alerted = at->second.alerted;
    }
    out.pool = log.pool(money);
    for (const auto& [account, lease] : leases(money)) {
        out.would_refuse += lease.would_refuse;
        if (out.leases.size() == kLeasesShown) continue;
        out.leases.push_back({account, lease.granted, lease.spent, lease.returned, lease.lost});
    }
    return out;
}

std::map<AccountName, Owner::Lease> Owner::leases(const BudgetWindow& money) const {
    const Money* of = find(money);
    return of == nullptr ? std::map<AccountName, Lease>{} : of->leases;
}

}  // namespace vidai::mesh::budget
