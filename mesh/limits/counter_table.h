// SPDX-License-Identifier: Apache-2.0
// CounterTable: what this node has charged to each counter, and what the mesh thread last heard
// that the other nodes have; the place where a soft limit is decided (design: soft limits). A
// counter is a slot: one of each key, with the key's own limits, and one of each limit that is a
// resource, or of each value that it tells apart. Admission is, of all limits that a request stands
// under: own + known + cost <= limit, over the estimate of the limit's window.
//
// One node's cells are shared by its workers, and a window rolls over in the same compare-exchange
// that charges it (counter_cells.h). Window w lives in cell w mod 2 and is overwritten two windows
// later, so the previous window is never moved and no request can slip between the two. No lock, no
// allocation, no waiting.
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
#include <span>
#include <vector>

#include "mesh/limits/window.h"
#include "mesh/state/key_record.h"
#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh::limits {

// Small integer that stands for a counter on this node. Two share one only after the first was
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

// One limit that a request stands under.
struct Clause {
    Slot slot = 0;
    LimitKind kind = LimitKind::kRequests;
    bool fixed = false;       // its window; how long that is, is the slot's
    bool fair_share = false;  // of it, what this side of a split may spend: share()
    std::uint64_t limit = 0;
    std::uint64_t burst = 0;  // so much at once on this node, then at an even pace; 0: all of it
};
// A key's own three, and of others as many as a request may stand under.
inline constexpr std::size_t kKeyClauses = 3;
inline constexpr std::size_t kClausesMax = kKeyClauses + 8;

// What an admission took; settle() or give_back() exactly once. Trivially copyable: the owner
// (node/admit's Permit) is who makes it move-only.
struct Ticket {
    struct Taken {
        Slot slot = 0;
        LimitKind kind = LimitKind::kRequests;
        std::uint32_t window = 0;
        std::uint64_t amount = 0;
    };
    Slot slot = 0;  // of the key
    std::uint8_t count = 0;
    std::array<Taken, kClausesMax> taken{};

    std::span<const Taken> all() const { return {taken.data(), count}; }
    const Taken* find(LimitKind kind) const;  // the first of the kind; null: none was counted
};

struct Decision {
    bool admitted = false;
    Ticket ticket;                                // when admitted
    LimitKind refused_by = LimitKind::kRequests;  // when refused
    std::size_t clause = 0;                       // and which
    bool too_fast = false;                        // and that for its burst
    // When refused: until this cost fits in all limits if nothing else is charged. Nothing: never,
    // the cost is greater than a limit. For concurrency a guess of one second: nobody knows.
    std::optional<Duration> retry_after;
    // Of the kind, the limit that has the least left; absent: unlimited. After the charge
    std::optional<LimitState> requests;
    std::optional<LimitState> tokens;
};

// For people and for the peers' filter: everything counted for one slot. Requests and tokens are
// sliding estimates.
struct SlotUse {
    std::uint64_t requests_own = 0;    // through this node
    std::uint64_t requests_known = 0;  // through the others, as far as they have told
    std::uint64_t tokens_own = 0;
    std::uint64_t tokens_known = 0;
    std::uint64_t in_flight = 0;  // through this node, where concurrency is limited
    std::uint64_t in_flight_known = 0;
    std::uint64_t overrun_max = 0;  // tokens of one request beyond what it had reserved, here
    MicroUsd spend_own;             // of this process
    MicroUsd spend_known;           // other nodes, and this node before its restart
};

// One (kind, window) of this node.
struct OwnCell {
    std::uint32_t window = 0;  // of the slot's span; 0 of what is in flight
    std::uint64_t charged = 0;
    std::uint64_t returned = 0;
};

// A key's own limits, in the order in which they are checked: how many there are.
std::size_t clauses_of(Slot slot, const state::KeyLimits& limits,
                       std::span<Clause, kKeyClauses> out);

class CounterTable {
  public:
    // `slots` at most kSlotsMax; memory comes in chunks of 256 slots as they are first used.
    explicit CounterTable(Slot slots = kSlotsMax);
    ~CounterTable();
    CounterTable(const CounterTable&) = delete;
    CounterTable& operator=(const CounterTable&) = delete;

    // All limits in one pass, charged all or none; at most kClausesMax. Workers that race for the
    // last place never both get it. One compare-exchange per limit; with all three of a key set,
    // and settled, about 60 ns.
    Decision admit(Slot key, std::span<const Clause> clauses, Cost cost, WallTime now);
    // A key's own limits alone.
    Decision admit(Slot key, const state::KeyLimits& limits, Cost cost, WallTime now);

    // The request is over and used this many tokens: less than reserved is returned to the window
    // it came from (nowhere, when that is no longer counted), more is charged to the current one.
    void settle(const Ticket& ticket, Tokens used, WallTime now);
    // It ended before it cost anything.
    void give_back(const Ticket& ticket);
    // It ended and what was reserved stays charged.
    void keep(const Ticket& ticket);
    // Cumulative, without a window. Negative counts as 0.
    void add_spend(Slot slot, MicroUsd amount);

    SlotUse use(Slot slot, WallTime now, bool fixed = false) const;  // any thread
    // What a limit of mode fair_share allows on this side of a split; all of it at first.
    std::uint64_t share_of(std::uint64_t limit) const;

    // Mesh thread from here on.
    Slot capacity() const { return capacity_; }
    // Before a KeyTable that names it is published; zeroes its counts.
    void open(Slot slot, std::uint32_t span_s = kMinuteS);
    // This side sees `seen` of the mesh's `all` nodes; not 0.
    void set_share(std::uint32_t seen, std::uint32_t all);
    std::uint64_t own_spend(Slot slot) const;
    // The two cells of a kind that are not older than the previous window; unused ones are zero. Of
    // concurrency the first: opened and closed.
    std::array<OwnCell, 2> own(Slot slot, LimitKind kind, WallTime now) const;
    // Sum over the other nodes, charged - returned; a later publication replaces it. Of concurrency
    // the window is 0.
    void publish_known(Slot slot, LimitKind kind, std::uint32_t window, std::uint64_t use);
    void publish_known_spend(Slot slot, std::uint64_t micro_usd);
    // Slots charged, returned or spent on since the last call are appended to `out`.
    void take_changed(std::vector<Slot>& out);

  private:
    struct Row;
    struct Chunk;
    Row& row(Slot slot) const;
    void mark(Slot slot);
    std::uint64_t limit_of(const Clause& clause) const;
    bool charge(const Clause& clause, Cost cost, WallTime now, Decision& decision);
    void forget_burst(const Clause& clause, Cost cost);
    void refuse(std::span<const Clause> clauses, Cost cost, WallTime now, Decision& decision) const;

    const Slot capacity_;
    std::vector<std::unique_ptr<Chunk>> chunks_;            // written before the slot is published
    std::vector<std::atomic<std::uint64_t>> changed_bits_;  // one per slot
    std::atomic<std::uint64_t> share_;                      // seen and all: 32 bits each
};

}  // namespace vidai::mesh::limits
