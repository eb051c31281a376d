// SPDX-License-Identifier: Apache-2.0
#include "node/admit/permit.h"

#include <algorithm>
#include <utility>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::admit {

Permit::Permit(Permit&& other) noexcept
    : counters_(std::exchange(other.counters_, nullptr)),
      ticket_(other.ticket_),
      sent_(other.sent_),
      funded_(other.funded_),
      worst_case_(other.worst_case_),
      funds_(std::move(other.funds_)),
      reserved_(other.reserved_),
      lost_(other.lost_),
      paid_(other.paid_),
      in_flight_(other.in_flight_) {}

Permit& Permit::operator=(Permit&& other) noexcept {
    if (this == &other) return *this;
    abandon();
    counters_ = std::exchange(other.counters_, nullptr);
    ticket_ = other.ticket_;
    sent_ = other.sent_;
    funded_ = other.funded_;
    worst_case_ = other.worst_case_;
    funds_ = std::move(other.funds_);
    reserved_ = other.reserved_;
    lost_ = other.lost_;
    paid_ = other.paid_;
    in_flight_ = other.in_flight_;
    return *this;
}

void Permit::fund(Funds&& funds, MicroUsd reserved) {
    CHECK(!empty() && !funded_, "funded twice, or never admitted");
    funds_ = std::move(funds);
    funded_ = true;
    reserved_ = reserved;
}

void Permit::sent(MicroUsd worst_case) {
    CHECK(!empty(), "a call without a permit");
    CHECK(funded_, "a call that nobody has funded");
    CHECK(!in_flight_, "an attempt before the one ahead of it has ended");
    CHECK(funds_.empty() || lost_ + worst_case <= reserved_, "a call beyond what is reserved");
    sent_ = true;
    in_flight_ = worst_case;
    worst_case_ = std::max(worst_case_, worst_case);
}

MicroUsd Permit::lost() {
    const MicroUsd more = std::exchange(in_flight_, std::nullopt).value_or(MicroUsd{});
    if (!VIDAI_MUTANT("retry-unreserved")) lost_ += more;
    return funds_.empty() ? MicroUsd{} : more;
}

void Permit::conclude() {
    CHECK(!empty() && !in_flight_, "an attempt is under way");
    funds_.settle(lost_);
    paid_ += std::exchange(lost_, MicroUsd{});
    reserved_ = {};
    funded_ = false;
}

void Permit::shrink(MicroUsd worst_case) {
    if (!in_flight_ || worst_case >= *in_flight_) return;
    in_flight_ = std::max(worst_case, MicroUsd{});
    const MicroUsd needed = lost_ + *in_flight_;
    funds_.shrink(reserved_ - needed);
    reserved_ = needed;
}

MicroUsd Permit::settle(Tokens used, MicroUsd cost, MicroUsd at_most, WallTime now) {
    CHECK(!empty(), "settled twice, or never admitted");
    mesh::limits::CounterTable& counters = *std::exchange(counters_, nullptr);
    counters.settle(ticket_, used, now);
    counters.add_spend(ticket_.slot, cost);
    if (funds_.empty()) return paid_;
    const MicroUsd spent = in_flight_ ? lost_ + at_most : lost_;
    funds_.settle(spent);
    return paid_ + spent;
}

void Permit::abandon() noexcept {
    if (empty()) return;
    mesh::limits::CounterTable& counters = *std::exchange(counters_, nullptr);
    (void)lost();
    funds_.settle(VIDAI_MUTANT("hang-up-is-free") ? MicroUsd{} : lost_);
    if (!sent_) {
        counters.give_back(ticket_);
        return;
    }
    counters.keep(ticket_);
    counters.add_spend(ticket_.slot, worst_case_);
}

}  // namespace vidai::node::admit
