// SPDX-License-Identifier: Apache-2.0
// Permit: the right to make one governed call, and the duty to account for it. It has exactly one
// owner and settles exactly once on every way out:
//
//   settle()                   the call ended and its usage is known (or estimated)
//   destroyed, nothing sent    nothing can have been billed: all that was reserved is returned
//   destroyed after sent()     the provider may bill: the reserve stays charged, worst case
//
// Concurrency is released in each case. Soft limits are behind it today; a hard budget's
// reservation (its worst case is the same: a reserve is spent until proven otherwise) will be one
// more member here, and its callers will not change.
// Lives on one worker; the CounterTable outlives it.
#pragma once

#include "mesh/limits/counter_table.h"
#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::node::admit {

class [[nodiscard]] Permit {
  public:
    // Takes over what `ticket` holds. Only admit() and tests make one; a moved-from Permit is
    // empty and settles nothing.
    Permit(mesh::limits::CounterTable& counters, const mesh::limits::Ticket& ticket)
        : counters_(&counters), ticket_(ticket) {}
    Permit(Permit&& other) noexcept;
    Permit& operator=(Permit&& other) noexcept;  // what it held is settled as if destroyed
    Permit(const Permit&) = delete;
    Permit& operator=(const Permit&) = delete;
    ~Permit() { abandon(); }

    // Call before the first byte goes upstream, for each attempt. `worst_case`: what the provider
    // may charge for it; the greatest of all attempts stays charged if nobody settles.
    void sent(MicroUsd worst_case);

    // The truth, once: tokens below the reserve go back, above it are charged; spend is added.
    // Settling twice, or an empty Permit, is a bug (CHECK).
    void settle(Tokens used, MicroUsd cost, WallTime now);

    // Whether a provider may bill for it: sent() was called.
    bool may_be_billed() const { return sent_; }
    bool empty() const { return counters_ == nullptr; }

  private:
    void abandon() noexcept;

    mesh::limits::CounterTable* counters_;  // null: empty or settled
    mesh::limits::Ticket ticket_;
    bool sent_ = false;
    MicroUsd worst_case_;
};

}  // namespace vidai::node::admit
