// SPDX-License-Identifier: Apache-2.0
// Names of what hard budgets are made of. A log is the only thing that owns money: it is named by
// the key of the volume that it lies on and by its generation there, so that an empty volume is
// nobody. Value types; any thread.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

#include "mesh/seal/keys.h"
#include "schema/vocabulary/ids.h"

namespace vidai::mesh::budget {

using LedgerKey = seal::PublicKey;  // of one volume; made with it, never copied

struct LogId {
    LedgerKey ledger;
    std::uint32_t generation = 0;  // of the volume's logs; only the greatest may take money
    friend auto operator<=>(const LogId&, const LogId&) = default;
};

// A place in a log: so many of its entries. 0 is before the first.
using Seq = std::uint64_t;

// How often the process of a volume has been started: what a process knew ends with it.
struct Boot {
    std::uint32_t value = 0;
    friend auto operator<=>(const Boot&, const Boot&) = default;
};

// The unit of ownership: all budgets of a bucket are owned by the same log.
struct Bucket {
    std::uint16_t value = 0;
    friend auto operator<=>(const Bucket&, const Bucket&) = default;
};
inline constexpr std::size_t kBuckets = 1024;
Bucket bucket_of(const BudgetId& id);

// A budget's money of one window: ordinals of a calendar rule only grow; 0 where there is none.
using Ordinal = std::uint32_t;
struct BudgetWindow {
    BudgetId budget;
    Ordinal window = 0;
    friend auto operator<=>(const BudgetWindow&, const BudgetWindow&) = default;
};

// Who may spend what a log has granted: a process, so that a restart never spends a lease again.
struct Holder {
    LedgerKey ledger;
    Boot boot;
    friend auto operator<=>(const Holder&, const Holder&) = default;
};
// Everything that passes between one process of an owner and one of a holder is counted under one
// name, and only grows: so losing, repeating and reordering messages needs no further ids.
struct AccountName {
    LogId log;
    Boot boot;  // of the owner
    Holder holder;
    friend auto operator<=>(const AccountName&, const AccountName&) = default;
};

}  // namespace vidai::mesh::budget
