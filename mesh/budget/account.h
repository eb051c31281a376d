// SPDX-License-Identifier: Apache-2.0
// Account: a holder's side of what it was granted of one budget, spent from by all workers at once.
// All of it is in memory: a process that ends leaves it as it last reported it, and what it had not
// returned counts as spent. Granted, spent and returned only grow, so that messages about them may
// be lost, repeated and reordered.
//
// `free` alone decides: who takes from it, by one compare-exchange, has the money. The other
// words say where the rest is, and once nobody is in the midst of a call
//
//     granted == spent + reserved + free + returned
//
// reserve() and settle() are for any worker, on_grant() and give_back() for the mesh thread, the
// rest for any thread. 56 bytes; no lock, no waiting.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh::budget {

// An account as it was read, word by word: exact while nobody changes it.
struct Balance {
    MicroUsd granted, spent, reserved, returned, free;
    bool conserved() const { return granted == spent + reserved + free + returned; }
    friend bool operator==(const Balance&, const Balance&) = default;
};

class Account {
  public:
    Account() = default;
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    // False, and nothing happened, when what is free does not cover that; nothing, 0, is covered by
    // any account, in debt or not. At least 0.
    [[nodiscard]] bool reserve(MicroUsd amount) {
        CHECK(amount.value >= 0);
        if (amount.value == 0) return true;
        if (amount.value > dearest_.load(std::memory_order_relaxed)) {
            dearest_.store(amount.value, std::memory_order_relaxed);
        }
        std::int64_t free = free_.load(std::memory_order_relaxed);
        do {
            if (free < amount.value) return false;
        } while (
            !free_.compare_exchange_weak(free, free - amount.value, std::memory_order_relaxed));
        reserved_.fetch_add(amount.value, std::memory_order_relaxed);
        return true;
    }
    // Ends a reservation, or a part of one, once. More than was reserved is charged all the same:
    // the provider has it, and free() goes below zero for as long. With nothing spent this gives
    // the reservation back to the other workers.
    void settle(MicroUsd reserved, MicroUsd spent) {
        CHECK(reserved.value >= 0 && spent.value >= 0);
        const std::int64_t held = reserved_.fetch_sub(reserved.value, std::memory_order_relaxed);
        CHECK(held >= reserved.value, "more settled than was reserved");
        spent_.fetch_add(spent.value, std::memory_order_relaxed);
        free_.fetch_add(reserved.value - spent.value, std::memory_order_relaxed);
    }

    // The owner says that so much has been granted in all. True: it is more than was known.
    bool on_grant(MicroUsd total) {
        const std::int64_t before = granted_.load(std::memory_order_relaxed);
        const std::int64_t after =
            VIDAI_MUTANT("grant-added") ? before + total.value : std::max(before, total.value);
        granted_.store(after, std::memory_order_relaxed);
        free_.fetch_add(after - before, std::memory_order_relaxed);
        return after > before;
    }
    // Says that so much of what is free will not be spent; the total to report. Clipped.
    MicroUsd give_back(MicroUsd amount) {
        const std::int64_t before = returned_.load(std::memory_order_relaxed);
        const bool keeps = VIDAI_MUTANT("return-not-deducted");
        std::int64_t free = free_.load(std::memory_order_relaxed), taken = 0;
        do {
            const std::int64_t idle = std::max<std::int64_t>(0, keeps ? free - before : free);
            taken = std::clamp<std::int64_t>(amount.value, 0, idle);
        } while (!free_.compare_exchange_weak(free, keeps ? free : free - taken,
                                              std::memory_order_relaxed));
        returned_.store(before + taken, std::memory_order_relaxed);
        return {before + taken};
    }

    MicroUsd granted() const { return read(granted_); }
    MicroUsd spent() const { return read(spent_); }
    MicroUsd reserved() const { return read(reserved_); }
    MicroUsd returned() const { return read(returned_); }
    MicroUsd free() const { return read(free_); }
    Balance balance() const { return {granted(), spent(), reserved(), returned(), free()}; }
    // The same between two changes, if there is such a moment within `tries`; else as read last.
    Balance steady_balance(int tries = 1'000) const {
        Balance at = balance();
        while (!at.conserved() && --tries > 0) at = balance();
        return at;
    }

    // The most that one request has asked of it since this was called last, granted or not; 0: none
    // has. Of several at the very same time it may be a lesser one.
    MicroUsd take_dearest() { return {dearest_.exchange(0, std::memory_order_relaxed)}; }

    // Of a budget that is only observed: a request went on that another would have refused.
    void on_would_refuse() { would_refuse_.fetch_add(1, std::memory_order_relaxed); }
    std::uint64_t would_refuse() const { return would_refuse_.load(std::memory_order_relaxed); }

    // For one thread that has it alone: explorers of states. A node never copies money.
    Account copy() const { return Account(balance()); }

  private:
    using Word = std::atomic<std::int64_t>;  // micro-dollars

    explicit Account(const Balance& from)
        : free_(from.free.value),
          reserved_(from.reserved.value),
          spent_(from.spent.value),
          granted_(from.granted.value),
          returned_(from.returned.value) {}
    static MicroUsd read(const Word& word) { return {word.load(std::memory_order_relaxed)}; }

    Word free_{0}, reserved_{0}, spent_{0};
    Word granted_{0}, returned_{0};  // written by the mesh thread alone
    Word dearest_{0};
    std::atomic<std::uint64_t> would_refuse_{0};  // requests
};

}  // namespace vidai::mesh::budget
