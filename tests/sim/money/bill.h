// SPDX-License-Identifier: Apache-2.0
// Bill: what the provider charges, by budget and window and by the account that it was reserved
// from, and how much of each window the operators have allowed. Nothing of it comes from the banks.
// One thread.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "mesh/budget/names.h"
#include "schema/vocabulary/units.h"

namespace vidai::sim {

class Bill {
  public:
    using BudgetWindow = mesh::budget::BudgetWindow;
    using Ordinal = mesh::budget::Ordinal;
    using Name = std::pair<mesh::budget::AccountName, BudgetWindow>;
    using InUse = std::map<Ordinal, MicroUsd>;  // by window

    void charge(const Name& account, MicroUsd amount) {
        by_window_[account.second] += amount;
        by_account_[account] += amount;
    }
    // That much of a reservation stays spent although the provider charged less: nobody could know.
    void write_off(const Name& account, MicroUsd amount) { written_off_[account] += amount; }
    MicroUsd of(const BudgetWindow& money) const { return find(by_window_, money); }
    MicroUsd of(const Name& account) const { return find(by_account_, account); }
    const std::map<BudgetWindow, MicroUsd>& windows() const { return by_window_; }
    const std::map<Name, MicroUsd>& written_off() const { return written_off_; }

    // An operator has asked for that limit: it may be in force from here on, or never, but of no
    // window before `newest`, which has money already.
    void asked(const BudgetId& budget, MicroUsd limit, Ordinal newest) {
        Allowed& of = allowed_[budget];
        keep_past(budget, of, newest);
        for (auto& [window, most] : of.windows) {
            if (window >= newest) most.limit = std::max(most.limit, limit);
        }
        of.most = std::max(of.most, limit);
        of.ever = std::max(of.ever, limit);
    }
    // An operator has asked for a top-up: it may be open from here on, or never.
    void topped_up(const BudgetId& budget, const std::string& id, MicroUsd amount, Ordinal newest) {
        allowed_[budget].top_ups.try_emplace(id, TopUp{amount, newest, std::nullopt});
    }
    // None of that name ever was, though it was asked for: it may be asked for again.
    void never_opened(const BudgetId& budget, const std::string& id) {
        allowed_[budget].top_ups.erase(id);
    }
    // It is over, and that is committed. `in_use` as in confirmed().
    void ended(const BudgetId& budget, const std::string& id, const InUse& in_use) {
        Allowed& of = allowed_[budget];
        const auto found = of.top_ups.find(id);
        if (found == of.top_ups.end() || found->second.until) return;
        const Ordinal then = in_use.empty() ? 0 : in_use.rbegin()->first;
        found->second.until = then;
        if (in_use.empty()) return;
        Most& most = of.windows.try_emplace(then, Most{of.most, {}}).first->second;
        most.spent = std::max({most.spent, in_use.rbegin()->second, this->of({budget, then})});
    }
    // All of them are.
    void ended_all(const BudgetId& budget, const InUse& in_use) {
        for (const auto& [id, one] : allowed_[budget].top_ups) ended(budget, id, in_use);
    }
    // It is in force. `in_use`: what was activated and not returned just before.
    void confirmed(const BudgetId& budget, MicroUsd limit, const InUse& in_use, bool others_open) {
        if (others_open) return;  // one of unknown fate may come after it
        Allowed& of = allowed_[budget];
        const Ordinal then = in_use.empty() ? 0 : in_use.rbegin()->first;
        keep_past(budget, of, then);
        of.windows.erase(of.windows.lower_bound(then), of.windows.end());
        if (!in_use.empty()) {
            of.windows[then] = {
                limit, std::max(in_use.rbegin()->second, this->of(BudgetWindow{budget, then}))};
        }
        of.most = limit;
    }
    MicroUsd most(const BudgetWindow& money) const {
        const auto of = allowed_.find(money.budget);
        if (of == allowed_.end()) return {};
        const auto window = of->second.windows.find(money.window);
        const bool set = window != of->second.windows.end();
        MicroUsd sum = set ? window->second.limit : of->second.most;
        for (const auto& [id, one] : of->second.top_ups) {
            if (one.from <= money.window && (!one.until || money.window < *one.until)) {
                sum += one.amount;
            }
        }
        return set ? std::max(sum, window->second.spent) : sum;
    }
    // That was ever asked for: a disk that goes back takes back what was in force since.
    MicroUsd most_ever(const BudgetId& budget) const {
        const Allowed of = find(allowed_, budget);
        MicroUsd sum = of.ever;
        for (const auto& [id, one] : of.top_ups) sum += one.amount;
        return sum;
    }

  private:
    struct Most {
        MicroUsd limit;
        MicroUsd spent;  // when a limit was lowered: no less than that
    };
    struct TopUp {
        MicroUsd amount;
        Ordinal from = 0;              // window
        std::optional<Ordinal> until;  // of that and those behind it nothing more
    };
    struct Allowed {
        MicroUsd most;                    // may be billed of a window
        MicroUsd ever;                    // asked for
        std::map<Ordinal, Most> windows;  // of these, something else
        std::map<std::string, TopUp> top_ups;
    };
    // What was allowed of windows that are over changes no more.
    void keep_past(const BudgetId& budget, Allowed& of, Ordinal newest) {
        const auto end = by_window_.lower_bound({budget, newest});
        for (auto at = by_window_.lower_bound({budget, 0}); at != end; ++at) {
            of.windows.try_emplace(at->first.window, Most{of.most, {}});
        }
    }
    template <class Map>
    static typename Map::mapped_type find(const Map& map, const typename Map::key_type& key) {
        const auto found = map.find(key);
        return found == map.end() ? typename Map::mapped_type{} : found->second;
    }
    std::map<BudgetWindow, MicroUsd> by_window_;
    std::map<Name, MicroUsd> by_account_, written_off_;
    std::map<BudgetId, Allowed> allowed_;
};

}  // namespace vidai::sim
