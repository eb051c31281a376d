// SPDX-License-Identifier: Apache-2.0
// Bill: what the provider charges, by budget and by the account that it was reserved from, and how
// much of a budget the operators have allowed. Nothing of it comes from the banks. One thread.
#pragma once

#include <algorithm>
#include <map>
#include <utility>

#include "mesh/budget/names.h"
#include "schema/vocabulary/units.h"

namespace vidai::sim {

class Bill {
  public:
    using Name = std::pair<mesh::budget::AccountName, BudgetId>;

    void charge(const Name& account, MicroUsd amount) {
        by_budget_[account.second] += amount;
        by_account_[account] += amount;
    }
    MicroUsd of(const BudgetId& budget) const { return find(by_budget_, budget); }
    MicroUsd of(const Name& account) const { return find(by_account_, account); }

    // An operator has asked for that limit: it may be in force from here on, or never.
    void asked(const BudgetId& budget, MicroUsd limit) {
        Allowed& of = allowed_[budget];
        of.most = std::max(of.most, limit);
    }
    // It is in force. `in_use`: what was activated and not returned just before.
    void confirmed(const BudgetId& budget, MicroUsd limit, MicroUsd in_use, bool others_open) {
        Allowed& of = allowed_[budget];
        if (others_open) return;  // one of unknown fate may come after it
        of.most = std::max({limit, in_use, this->of(budget)});
    }
    MicroUsd most(const BudgetId& budget) const { return find(allowed_, budget).most; }

  private:
    struct Allowed {
        MicroUsd most;  // may be billed
    };
    template <class Map>
    static typename Map::mapped_type find(const Map& map, const typename Map::key_type& key) {
        const auto found = map.find(key);
        return found == map.end() ? typename Map::mapped_type{} : found->second;
    }
    std::map<BudgetId, MicroUsd> by_budget_;
    std::map<Name, MicroUsd> by_account_;
    std::map<BudgetId, Allowed> allowed_;
};

}  // namespace vidai::sim
