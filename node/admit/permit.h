// SPDX-License-Identifier: Apache-2.0
// Permit: the right to make one governed call, and the duty to account for it. It has exactly one
// owner and settles exactly once on every way out:
//
//   settle()                   the call ended and its usage is known (or estimated)
//   destroyed, nothing sent    nothing can have been billed: all that was reserved is returned
//   destroyed after sent()     the provider may bill: the reserve stays charged, worst case
//
// Concurrency is released in each case. Behind it are the key's soft limits and, once it is funded
// (node/admit/funding.h), the money of each hard budget that the key stands under.
//
// A provider may bill every attempt that was sent and not refused, so each has a reservation of its
// own: what a lost one may cost stays spent, whatever a later one comes to, and another is funded
// as the first was. Limits and the key's spend, which are soft, are told of one attempt alone.
// Lives on one worker; the CounterTable outlives it.
#pragma once

#include <optional>

#include "mesh/limits/counter_table.h"
#include "node/admit/funds.h"
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

    // fund() alone, once, and once after each conclude(): so much is reserved in each budget, for
    // one attempt. Without budgets the funds are empty and nothing bounds an attempt.
    void fund(Funds&& funds, MicroUsd reserved);
    bool funded() const { return funded_; }

    // Call before the first byte goes upstream, for each attempt. `worst_case`: what the provider
    // may charge for it; within what is reserved (CHECK). The greatest of all attempts stays
    // charged to the key if nobody settles.
    void sent(MicroUsd worst_case);
    // How the attempt that was sent has ended, but for the one that is settled. Without one:
    // nothing.
    void refused() { in_flight_.reset(); }  // by the provider: it costs nothing
    // Nobody knows: the worst case stays spent. That, of one attempt, in each budget.
    MicroUsd lost();
    // Whether another attempt that may cost so much is covered besides those lost.
    bool covers(MicroUsd worst_case) const {
        return funds_.empty() || lost_ + worst_case <= reserved_;
    }
    // Where it is not: each budget is charged what the lost ones may have cost, the rest goes back,
    // and the permit is to be funded anew before another is sent.
    void conclude();
    // The attempt under way costs at most that; the rest of its reservation goes back.
    void shrink(MicroUsd worst_case);

    // The truth, once: tokens below the reserve go back, above it are charged; spend is added.
    // `cost` is that of the attempt under way, or of a lost one, which its budgets have been
    // charged already; for the former budgets are charged `at_most`, what it can have cost where
    // nobody counted. What each budget was charged in all; zero without one. Settling twice, or an
    // empty Permit, is a bug (CHECK).
    MicroUsd settle(Tokens used, MicroUsd cost, MicroUsd at_most, WallTime now);

    // Whether a provider may bill for it: sent() was called.
    bool may_be_billed() const { return sent_; }
    bool empty() const { return counters_ == nullptr; }
    bool under_budgets() const { return !funds_.empty(); }
    // In each budget, for the attempts that concluded too.
    MicroUsd reserved() const { return funds_.empty() ? paid_ : paid_ + reserved_; }

  private:
    void abandon() noexcept;

    mesh::limits::CounterTable* counters_;  // null: empty or settled
    mesh::limits::Ticket ticket_;
    bool sent_ = false;
    bool funded_ = false;
    MicroUsd worst_case_;
    Funds funds_;
    MicroUsd reserved_;                  // in each budget that funds_ holds
    MicroUsd lost_;                      // of it, worst cases of the attempts that were lost
    MicroUsd paid_;                      // by each budget for those that concluded
    std::optional<MicroUsd> in_flight_;  // worst case of the attempt under way
};

}  // namespace vidai::node::admit
