// SPDX-License-Identifier: Apache-2.0
// CounterTable: what this node has charged to each key, and what the mesh thread last heard that
// the other nodes have; the place where a soft limit is decided (design: soft limits, mode
// `optimistic`). Admission is: own + known + cost <= limit, over the sliding estimate.
//
// One node's cells are shared by its workers: each is a 64-bit atomic that packs the number of its
// window with a count, so that a window rolls over in the same compare-exchange that charges it.
// Window w lives in cell w mod 2 and is overwritten two minutes later, so the previous window is
// never moved and no request can slip between the two. No lock, no allocation, no waiting.
//
// `charged` and `returned` only grow within a window, which is what lets peers merge them by
// maximum; an undo is a return. Methods marked "mesh thread" have one caller; the rest is for any
// worker, on slots that a published KeyTable names.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "mesh/limits/window.h"
#include "mesh/state/key_record.h"
#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh::limits {

// Small integer that stands for a key on this node. Two keys share one only after the first was
// released for longer than any request lasts (CounterStore).
using Slot = std::uint32_t;
inline constexpr Slot kSlotsMax = 131'072;

enum class LimitKind : std::uint8_t { kRequests, kTokens, kConcurrency };
inline constexpr std::size_t kWindowedKinds = 2;  // requests and tokens

struct Cost {
    std::uint64_t requests = 1;
    Tokens tokens;  // reserved; settled later. Negative counts as 0
};

// One windowed limit as a client is told it.
struct LimitState {
    std::uint64_t limit = 0;
    std::uint64_t remaining = 0;
    Duration reset{};  // until nothing is counted any more if no further request comes
};

// What an admission took; settle() or give_back() exactly once. Trivially copyable: the owner
// (node/admit's Permit) is who makes it move-only.
struct Ticket {
    Slot slot = 0;
    std::uint32_t window = 0;        // of the requests
    std::uint32_t token_window = 0;  // of the tokens
    std::uint64_t requests = 0;      // 0: the key has no such limit, nothing was counted
    std::uint64_t tokens = 0;
    bool counts_tokens = false;
    bool holds_concurrency = false;
};

struct Decision {
    bool admitted = false;
    Ticket ticket;                                // when admitted
    LimitKind refused_by = LimitKind::kRequests;  // when refused
    // When refused: until this cost fits if nothing else is charged. Nothing: never, the cost is
    // greater than the limit. For concurrency a guess of one second: nobody knows.
    std::optional<Duration> retry_after;
    std::optional<LimitState> requests;  // absent: unlimited. After the charge
    std::optional<LimitState> tokens;
};

// For people and for the peers' filter: everything counted for one slot. Requests and tokens are
// sliding estimates.
struct SlotUse {
    std::uint64_t requests_own = 0;    // through this node
    std::uint64_t requests_known = 0;  // through the others, as far as they have told
    std::uint64_t tokens_own = 0;
    std::uint64_t tokens_known = 0;
    std::uint32_t in_flight = 0;    // this node, keys with a concurrency limit
    std::uint64_t overrun_max = 0;  // tokens of one request beyond what it had reserved, here
    MicroUsd spend_own;             // of this process
    MicroUsd spend_known;           // other nodes, and this node before its restart
};

// One (kind, window) of this node.
struct OwnCell {
    std::uint32_t window = 0;
    std::uint64_t charged = 0;
    std::uint64_t returned = 0;
};

class CounterTable {
  public:
    // `slots` at most kSlotsMax; memory comes in chunks of 256 slots as they are first used.
    explicit CounterTable(Slot slots = kSlotsMax);
    ~CounterTable();
    CounterTable(const CounterTable&) = delete;
    CounterTable& operator=(const CounterTable&) = delete;

    // All limits of a key in one pass: charged all or none. Workers that race for the last place
    // never both get it. One compare-exchange per limit; with all three set, and settled, about 60
    // ns.
    Decision admit(Slot slot, const state::KeyLimits& limits, Cost cost, WallTime now);

    // The request is over and used this many tokens: less than reserved is returned to the window
    // it came from (nowhere, when that is no longer counted), more is charged to the current one.
    void settle(const Ticket& ticket, Tokens used, WallTime now);
    // It ended before it cost anything.
    void give_back(const Ticket& ticket);
    // It ended and what was reserved stays charged.
    void keep(const Ticket& ticket);
    // Cumulative, without a window. Negative counts as 0.
    void add_spend(Slot slot, MicroUsd amount);

    SlotUse use(Slot slot, WallTime now) const;  // any thread

    // Mesh thread from here on.
    Slot capacity() const { return capacity_; }
    void open(Slot slot);  // before a KeyTable that names it is published; zeroes its counts
    std::uint64_t own_spend(Slot slot) const;
    // The two cells of a kind that are not older than the previous window; unused ones are zero.
    std::array<OwnCell, 2> own(Slot slot, LimitKind kind, WallTime now) const;
    // Sum over the other nodes, charged - returned; a later publication replaces it.
    void publish_known(Slot slot, LimitKind kind, std::uint32_t window, std::uint64_t use);
    void publish_known_spend(Slot slot, std::uint64_t micro_usd);
    // Slots charged, returned or spent on since the last call are appended to `out`.
    void take_changed(std::vector<Slot>& out);

  private:
    struct Row;
    struct Chunk;
    Row& row(Slot slot) const;
    void mark(Slot slot);
    static bool enter(Row& cells, const state::KeyLimits& limits, Decision& decision);
    static bool charge(Row& cells, const state::KeyLimits& limits, Cost cost, WindowPosition at,
                       Decision& decision);

    const Slot capacity_;
    std::vector<std::unique_ptr<Chunk>> chunks_;            // written before the slot is published
    std::vector<std::atomic<std::uint64_t>> changed_bits_;  // one per slot
};

}  // namespace vidai::mesh::limits
