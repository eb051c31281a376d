// SPDX-License-Identifier: Apache-2.0
// BudgetTable: every budget that this node knows, and what it last heard of each from the log that
// owns it, looked up by id. Built by the mesh thread and published as a Snapshot<BudgetTable>;
// immutable, so any worker reads it without a lock. A budget that is not in it is unknown here.
//
// The money itself is not in it but in the accounts that it names, so that a table is published
// only when something else of a budget changes. It is in 256 shards, of which with() copies those
// that it changes alone: 10^5 budgets are 256 of some 400, each 24 bytes of a shard and an entry of
// its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "mesh/budget/account.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh::budget {

struct BudgetEntry {
    // Why there is no more money than what the account has. Of a budget that is not kOpen, a
    // request which that does not cover is refused at once and the Cashier told all the same; so
    // whoever publishes must come back to kOpen as soon as more may be had.
    enum class State : std::uint8_t {
        kOpen,              // ask and it may be granted
        kUnknown,           // its owner, or this node where there is none, has no such budget
        kExhausted,         // less is left than the cheapest useful request costs
        kOwnerUnreachable,  // nobody that this node reaches owns it
        kNoCustodian,       // the owner reaches too few of its custodians
        kTakeover,          // the owner is gone, and its heir at work
        kLogFrozen,         // the owner's log is forked, rolled back or damaged
        kLogLost,           // so is its volume, and no custodian has a copy
        kClock,             // the owner's clock is off: it opens no new window
        kDeleted,           // by an operator; nothing is spent from it whatever is left
    };
    BudgetId id;
    std::shared_ptr<Account> account;  // null: this node holds no account of it yet
    MicroUsd limit;
    WallTime renews;  // when its window ends; zero: it has none, or nobody can tell
    State state = State::kOpen;
    MicroUsd left;  // of the limit: neither settled nor stranded, as its owner said last
    // It has windows, and its owner cannot tell whether the next one has begun: who finds too
    // little left hears of the clock.
    bool renewal_untold = false;
    bool enforce = true;  // false: what it lacks is counted, and charged all the same
};
// As in money's failure table: "owner_unreachable". Of kOpen, "open".
std::string_view state_name(BudgetEntry::State state);

class BudgetTable {
  public:
    static constexpr std::size_t kShards = 256;

    // This one with `changed`, each in the place of the one of its id, and without `forgotten`.
    BudgetTable with(std::span<const BudgetEntry> changed,
                     std::span<const BudgetId> forgotten = {}) const;

    // Null when unknown; else lives as long as the table.
    const BudgetEntry* find(std::string_view id) const;
    std::size_t size() const { return size_; }
    // In no order that means something.
    template <class Visit>
    void for_each(Visit&& visit) const {
        for (const auto& shard : shards_) {
            if (!shard) continue;
            for (const Row& row : *shard) visit(*row.entry);
        }
    }

  private:
    struct Row {
        std::size_t hash = 0;
        std::shared_ptr<const BudgetEntry> entry;
    };
    using Shard = std::vector<Row>;                             // by hash
    std::array<std::shared_ptr<const Shard>, kShards> shards_;  // null: empty
    std::size_t size_ = 0;
};

}  // namespace vidai::mesh::budget
