// SPDX-License-Identifier: Apache-2.0
#include "node/admit/permit.h"

#include <algorithm>
#include <utility>

#include "schema/vocabulary/check.h"

namespace vidai::node::admit {

Permit::Permit(Permit&& other) noexcept
    : counters_(std::exchange(other.counters_, nullptr)),
      ticket_(other.ticket_),
      sent_(other.sent_),
      worst_case_(other.worst_case_) {}

Permit& Permit::operator=(Permit&& other) noexcept {
    if (this == &other) return *this;
    abandon();
    counters_ = std::exchange(other.counters_, nullptr);
    ticket_ = other.ticket_;
    sent_ = other.sent_;
    worst_case_ = other.worst_case_;
    return *this;
}

void Permit::sent(MicroUsd worst_case) {
    CHECK(!empty(), "a call without a permit");
    sent_ = true;
    worst_case_ = std::max(worst_case_, worst_case);
}

void Permit::settle(Tokens used, MicroUsd cost, WallTime now) {
    CHECK(!empty(), "settled twice, or never admitted");
    mesh::limits::CounterTable& counters = *std::exchange(counters_, nullptr);
    counters.settle(ticket_, used, now);
    counters.add_spend(ticket_.slot, cost);
}

void Permit::abandon() noexcept {
    if (empty()) return;
    mesh::limits::CounterTable& counters = *std::exchange(counters_, nullptr);
    if (!sent_) {
        counters.give_back(ticket_);
        return;
    }
    counters.keep(ticket_);
    counters.add_spend(ticket_.slot, worst_case_);
}

}  // namespace vidai::node::admit
