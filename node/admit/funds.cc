// SPDX-License-Identifier: Apache-2.0
#include "node/admit/funds.h"

#include <algorithm>
#include <utility>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::admit {

Funds& Funds::operator=(Funds&& other) noexcept {
    if (this == &other) return *this;
    if (count_ > 0) give_back();
    holds_ = std::move(other.holds_);
    count_ = std::exchange(other.count_, 0);
    return *this;
}

void Funds::add(const std::shared_ptr<mesh::budget::Account>& account, MicroUsd reserved,
                bool enforce) {
    CHECK(count_ < kBudgetsMax, "more budgets than a key may have");
    if (holds_ == nullptr) holds_ = std::make_unique<std::array<Hold, kBudgetsMax>>();
    (*holds_)[count_++] = {account, reserved, enforce};
}

void Funds::shrink(MicroUsd amount) {
    for (Hold& hold : held()) {
        const MicroUsd back = std::clamp(amount, MicroUsd{}, hold.reserved);
        if (back.value == 0) continue;
        hold.account->settle(back, {});
        hold.reserved -= back;
    }
}

void Funds::settle(MicroUsd spent) {
    if (VIDAI_MUTANT("permit-not-released") && spent == MicroUsd{}) count_ = 0;
    for (Hold& hold : held()) {
        hold.account->settle(hold.reserved, spent);
        hold.account.reset();
    }
    count_ = 0;
}

}  // namespace vidai::node::admit
