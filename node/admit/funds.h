// SPDX-License-Identifier: Apache-2.0
// Funds: the money that one request has reserved, in each of the budgets that it stands under.
// Move-only; what is not settled when it dies goes back to where it came from, whole. Allocates
// once, and nothing for a request without budgets. Lives on one worker; it keeps its accounts
// alive.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "mesh/budget/account.h"
#include "mesh/state/key_record.h"
#include "schema/vocabulary/units.h"

namespace vidai::node::admit {

class Funds {
  public:
    static constexpr std::size_t kBudgetsMax = mesh::state::kKeyBudgetsMax;

    Funds() = default;
    Funds(Funds&& other) noexcept
        : holds_(std::move(other.holds_)), count_(std::exchange(other.count_, 0)) {}
    Funds& operator=(Funds&& other) noexcept;
    Funds(const Funds&) = delete;
    Funds& operator=(const Funds&) = delete;
    ~Funds() {
        if (count_ > 0) give_back();
    }

    // Takes over a reservation of that much in one more account. `enforce` false: the budget is
    // only observed, and charged whether or not it was covered.
    void add(const std::shared_ptr<mesh::budget::Account>& account, MicroUsd reserved,
             bool enforce);
    // Gives that much of each reservation back; of one that is smaller, all.
    void shrink(MicroUsd amount);
    // Ends all reservations: each account is charged that, more than it reserved too.
    void settle(MicroUsd spent);
    void give_back() { settle({}); }

    bool empty() const { return count_ == 0; }

  private:
    struct Hold {
        std::shared_ptr<mesh::budget::Account> account;
        MicroUsd reserved;  // less than asked where a budget is only observed
        bool enforce = true;
    };
    std::span<Hold> held() { return {holds_ ? holds_->data() : nullptr, count_}; }

    std::unique_ptr<std::array<Hold, kBudgetsMax>> holds_;  // made by the first add()
    std::uint32_t count_ = 0;
};

}  // namespace vidai::node::admit
