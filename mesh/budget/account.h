// SPDX-License-Identifier: Apache-2.0
// Account: a holder's side of what it was granted. All of it is in memory: a process that ends
// leaves it as it last reported it, and what it had not returned counts as spent. Cumulative, so
// that messages may be lost, repeated and reordered. Pure; one thread.
#pragma once

#include <algorithm>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh::budget {

class Account {
  public:
    // The owner says that so much has been granted in all.
    void on_grant(MicroUsd granted) {
        granted_ = VIDAI_MUTANT("grant-added") ? granted_ + granted : std::max(granted_, granted);
    }
    // False, and nothing happened, when it does not cover that. At least 0.
    bool reserve(MicroUsd amount) {
        CHECK(amount.value >= 0);
        if (amount > free()) return false;
        reserved_ += amount;
        return true;
    }
    // Ends a reservation, once. More than was reserved is charged all the same: the provider has
    // it, and free() goes below zero for as long.
    void settle(MicroUsd reserved, MicroUsd spent) {
        CHECK(reserved.value >= 0 && reserved <= reserved_ && spent.value >= 0);
        reserved_ -= reserved;
        spent_ += spent;
    }
    // Says that so much of what is free will not be spent; the total to report. Clipped.
    MicroUsd give_back(MicroUsd amount) {
        const MicroUsd idle = std::max(MicroUsd{}, granted_ - spent_ - reserved_ - returned_);
        returned_ += std::clamp(amount, MicroUsd{}, idle);
        return returned_;
    }

    MicroUsd granted() const { return granted_; }
    MicroUsd spent() const { return spent_; }
    MicroUsd reserved() const { return reserved_; }
    MicroUsd returned() const { return returned_; }
    MicroUsd free() const {
        const MicroUsd unspent = granted_ - spent_ - reserved_;
        return VIDAI_MUTANT("return-not-deducted") ? unspent : unspent - returned_;
    }

  private:
    MicroUsd granted_, spent_, reserved_, returned_;
};

}  // namespace vidai::mesh::budget
