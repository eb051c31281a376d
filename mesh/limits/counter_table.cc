// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/counter_table.h"

#include <algorithm>
#include <bit>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::limits {
namespace {

using Packed = std::atomic<std::uint64_t>;

constexpr Slot kChunkSlots = 256;
constexpr std::uint32_t kKnownWindows = 4;
constexpr Slot kBitsPerWord = 64;
// A window ahead of ours by at most this was charged before our wall clock stepped back: we join
// it. Beyond, the clock has really been set back, and waiting for it would lock the key out.
constexpr std::uint32_t kJoinAheadMax = 8;
constexpr Duration kConcurrencyRetry = std::chrono::seconds(1);

constexpr std::uint32_t window_of(std::uint64_t packed) {
    return static_cast<std::uint32_t>(packed >> kCountBits);
}
constexpr std::uint64_t count_of(std::uint64_t packed) {
    return packed & kCountMax;
}
constexpr std::uint64_t pack(std::uint32_t window, std::uint64_t count) {
    return (std::uint64_t{window} << kCountBits) | std::min(count, kCountMax);
}
constexpr std::uint64_t count_in(std::uint64_t packed, std::uint32_t window) {
    return window_of(packed) == window ? count_of(packed) : 0;
}
constexpr bool is_ahead(std::uint32_t seen, std::uint32_t ours) {
    return seen > ours && seen - ours <= kJoinAheadMax;
}
constexpr std::uint64_t minus(std::uint64_t a, std::uint64_t b) {
    return a > b ? a - b : 0;
}
constexpr std::uint64_t whole(std::int64_t value) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, value));
}

// One windowed limit of one key. Orders are sequentially consistent throughout, which on x86 costs
// nothing beyond the compare-exchange: a return is never seen before the charge that it undoes, and
// a change is never missed by take_changed().
struct Own {
    std::array<Packed, 2> charged{};  // window w in cell w mod 2
    std::array<Packed, 2> returned{};
};
struct Known {
    // w mod 4: also holds what a peer with a fast clock counted ahead.
    std::array<Packed, kKnownWindows> use{};
};

// One look at all four cells, so that everything said of them is said of one moment: a minute that
// turns while we think makes the compare-exchange fail, not the arithmetic.
struct OwnView {
    std::array<std::uint64_t, 2> returned;
    std::array<std::uint64_t, 2> charged;

    // Returned first: with the charge read later, the difference is never too small.
    explicit OwnView(const Own& own)
        : returned{own.returned[0].load(), own.returned[1].load()},
          charged{own.charged[0].load(), own.charged[1].load()} {}

    OwnCell cell(std::uint32_t window) const {
        return {window, count_in(charged[window % 2], window),
                count_in(returned[window % 2], window)};
    }
    WindowUse use(std::uint32_t window) const {
        const auto net = [&](std::uint32_t of) {
            const OwnCell counted = cell(of);
            return minus(counted.charged, counted.returned);
        };
        return {net(window), window == 0 ? 0 : net(window - 1)};
    }
    // Our position in time, or the newest window seen here if our clock is behind it.
    WindowPosition position(WindowPosition now) const {
        for (const std::uint64_t packed : charged) {
            if (is_ahead(window_of(packed), now.window)) now = {window_of(packed), kWindowMs};
        }
        return now;
    }
};

WindowUse known_windows(const Known& known, std::uint32_t window) {
    return {count_in(known.use[window % kKnownWindows].load(), window),
            window == 0 ? 0 : count_in(known.use[(window - 1) % kKnownWindows].load(), window - 1)};
}

// Adds to the cell of `window`; a cell of another window starts anew unless it is newer.
void add(Packed& cell, std::uint32_t window, std::uint64_t count) {
    std::uint64_t packed = cell.load();
    for (;;) {
        const std::uint32_t seen = window_of(packed);
        if (is_ahead(seen, window)) return;  // ours is no longer counted
        const std::uint64_t before = seen == window ? count_of(packed) : 0;
        if (cell.compare_exchange_weak(packed, pack(window, before + count))) return;
    }
}

// A return to a charge that is no longer held is to nobody: its minute may be long past, and the
// cell by now another minute's, which must not lose what it holds.
void add_return(Own& own, std::uint32_t window, std::uint64_t count) {
    Packed& cell = own.returned[window % 2];
    std::uint64_t packed = cell.load();
    for (;;) {
        if (window_of(own.charged[window % 2].load()) != window) return;
        if (cell.compare_exchange_weak(packed, pack(window, count_in(packed, window) + count))) {
            return;
        }
    }
}

struct Taken {
    bool admitted = false;
    WindowPosition at;
    WindowUse use;  // own and known together, before the charge
};

// Charges `cost` if it fits. What was read of the current charge is what is exchanged, so two
// workers never both get the last place.
Taken take(Own& own, const Known& known, std::uint64_t cost, std::uint64_t limit,
           WindowPosition now) {
    Taken taken;
    for (;;) {
        const OwnView seen(own);
        taken.at = seen.position(now);
        const std::uint32_t window = taken.at.window;
        taken.use = seen.use(window) + known_windows(known, window);
        const std::uint64_t used = sliding_estimate(taken.use, taken.at.left_ms);
        if (cost > limit || used > limit - cost) return taken;
        std::uint64_t expected = seen.charged[window % 2];
        const std::uint64_t charged = pack(window, count_in(expected, window) + cost);
        if (own.charged[window % 2].compare_exchange_strong(expected, charged)) {
            taken.admitted = true;
            return taken;
        }
    }
}

LimitState state_of(const Taken& taken, std::uint64_t cost, std::uint64_t limit) {
    WindowUse use = taken.use;
    if (taken.admitted) use.current += cost;
    return {limit, minus(limit, sliding_estimate(use, taken.at.left_ms)),
            time_until_empty(use, taken.at.left_ms)};
}

// The state of a limit that was not asked, for the headers of a refusal.
LimitState look(const Own& own, const Known& known, std::uint64_t limit, WindowPosition now) {
    const OwnView seen(own);
    const WindowPosition at = seen.position(now);
    const WindowUse use = seen.use(at.window) + known_windows(known, at.window);
    return state_of({false, at, use}, 0, limit);
}

}  // namespace

// Cache lines: what workers write, what the mesh thread writes, and the rest.
struct CounterTable::Row {
    alignas(64) std::array<Own, kWindowedKinds> own;
    alignas(64) std::array<Known, kWindowedKinds> known;
    alignas(64) std::atomic<std::uint64_t> spend{0};
    std::atomic<std::uint64_t> spend_known{0};
    std::atomic<std::uint32_t> in_flight{0};
    std::atomic<std::uint64_t> overrun_max{0};
};
struct CounterTable::Chunk {
    std::array<Row, kChunkSlots> rows;
};

CounterTable::CounterTable(Slot slots)
    : capacity_(slots),
      chunks_((slots + kChunkSlots - 1) / kChunkSlots),
      changed_bits_((slots + kBitsPerWord - 1) / kBitsPerWord) {
    CHECK(slots > 0 && slots <= kSlotsMax);
}
CounterTable::~CounterTable() = default;

CounterTable::Row& CounterTable::row(Slot slot) const {
    CHECK(slot < capacity_ && chunks_[slot / kChunkSlots], "a slot that was never opened");
    return chunks_[slot / kChunkSlots]->rows[slot % kChunkSlots];
}

void CounterTable::mark(Slot slot) {
    Packed& word = changed_bits_[slot / kBitsPerWord];
    const std::uint64_t bit = std::uint64_t{1} << (slot % kBitsPerWord);
    if ((word.load() & bit) == 0) word.fetch_or(bit);  // mostly set already: no write, no bouncing
}

// True when the request is within the concurrency limit, and counted.
bool CounterTable::enter(Row& cells, const state::KeyLimits& limits, Decision& decision) {
    if (!limits.concurrency) return true;
    std::uint32_t in_flight = cells.in_flight.load();
    do {
        if (in_flight >= *limits.concurrency) {
            decision.refused_by = LimitKind::kConcurrency;
            if (*limits.concurrency > 0) decision.retry_after = kConcurrencyRetry;
            return false;
        }
    } while (!cells.in_flight.compare_exchange_weak(in_flight, in_flight + 1));
    decision.ticket.holds_concurrency = true;
    return true;
}

bool CounterTable::charge(Row& cells, const state::KeyLimits& limits, Cost cost, WindowPosition at,
                          Decision& decision) {
    Ticket& ticket = decision.ticket;
    if (limits.requests_per_minute) {
        const std::uint64_t limit = *limits.requests_per_minute;
        const Taken taken = take(cells.own[0], cells.known[0], cost.requests, limit, at);
        decision.requests = state_of(taken, cost.requests, limit);
        if (!taken.admitted) {
            decision.refused_by = LimitKind::kRequests;
            decision.retry_after =
                time_until_room(taken.use, taken.at.left_ms, cost.requests, limit);
            return false;
        }
        ticket.window = taken.at.window;
        ticket.requests = cost.requests;
    }
    if (limits.tokens_per_minute) {
        const std::uint64_t limit = std::min(*limits.tokens_per_minute, kCountMax);
        const std::uint64_t tokens = whole(cost.tokens.value);
        const Taken taken = take(cells.own[1], cells.known[1], tokens, limit, at);
        decision.tokens = state_of(taken, tokens, limit);
        if (!taken.admitted) {
            decision.refused_by = LimitKind::kTokens;
            decision.retry_after = time_until_room(taken.use, taken.at.left_ms, tokens, limit);
            return false;
        }
        ticket.token_window = taken.at.window;
        ticket.tokens = tokens;
        ticket.counts_tokens = true;
    }
    return true;
}

Decision CounterTable::admit(Slot slot, const state::KeyLimits& limits, Cost cost, WallTime now) {
    Row& cells = row(slot);
    const WindowPosition at = window_at(now);
    Decision decision;
    decision.ticket.slot = slot;
    decision.admitted = enter(cells, limits, decision) && charge(cells, limits, cost, at, decision);
    if (decision.admitted) {
        if (decision.ticket.requests > 0 || decision.ticket.tokens > 0) mark(slot);
        return decision;
    }
    give_back(decision.ticket);
    decision.ticket = {};
    if (limits.requests_per_minute) {
        decision.requests = look(cells.own[0], cells.known[0], *limits.requests_per_minute, at);
    }
    if (limits.tokens_per_minute) {
        decision.tokens =
            look(cells.own[1], cells.known[1], std::min(*limits.tokens_per_minute, kCountMax), at);
    }
    return decision;
}

void CounterTable::keep(const Ticket& ticket) {
    if (!ticket.holds_concurrency) return;
    const std::uint32_t before = row(ticket.slot).in_flight.fetch_sub(1);
    CHECK(before > 0, "a concurrency slot released twice");
}

void CounterTable::give_back(const Ticket& ticket) {
    keep(ticket);
    if (ticket.requests == 0 && ticket.tokens == 0) return;
    Row& cells = row(ticket.slot);
    if (ticket.requests > 0) {
        add_return(cells.own[0], ticket.window, ticket.requests);
    }
    if (ticket.tokens > 0) {
        add_return(cells.own[1], ticket.token_window, ticket.tokens);
    }
    mark(ticket.slot);
}

void CounterTable::settle(const Ticket& ticket, Tokens used, WallTime now) {
    keep(ticket);
    const std::uint64_t tokens = whole(used.value);
    if (!ticket.counts_tokens || tokens == ticket.tokens) return;
    Row& cells = row(ticket.slot);
    Own& own = cells.own[1];
    if (tokens < ticket.tokens) {
        add_return(own, ticket.token_window, ticket.tokens - tokens);
    } else {
        const std::uint32_t window = OwnView(own).position(window_at(now)).window;
        const std::uint64_t beyond = std::min(tokens - ticket.tokens, kCountMax);
        add(own.charged[window % 2], window, beyond);
        std::uint64_t most = cells.overrun_max.load();
        while (most < beyond && !cells.overrun_max.compare_exchange_weak(most, beyond)) {
        }
    }
    mark(ticket.slot);
}

void CounterTable::add_spend(Slot slot, MicroUsd amount) {
    if (amount.value <= 0) return;
    row(slot).spend.fetch_add(whole(amount.value));
    mark(slot);
}

SlotUse CounterTable::use(Slot slot, WallTime now) const {
    const Row& cells = row(slot);
    SlotUse use;
    const auto estimate = [&](std::size_t kind, std::uint64_t& own, std::uint64_t& known) {
        const OwnView seen(cells.own[kind]);
        const WindowPosition at = seen.position(window_at(now));
        own = sliding_estimate(seen.use(at.window), at.left_ms);
        known = sliding_estimate(known_windows(cells.known[kind], at.window), at.left_ms);
    };
    estimate(0, use.requests_own, use.requests_known);
    estimate(1, use.tokens_own, use.tokens_known);
    use.in_flight = cells.in_flight.load();
    use.overrun_max = cells.overrun_max.load();
    use.spend_own.value = static_cast<std::int64_t>(cells.spend.load());
    use.spend_known.value = static_cast<std::int64_t>(cells.spend_known.load());
    return use;
}

void CounterTable::open(Slot slot) {
    CHECK(slot < capacity_);
    std::unique_ptr<Chunk>& chunk = chunks_[slot / kChunkSlots];
    if (!chunk) chunk = std::make_unique<Chunk>();
    Row& cells = chunk->rows[slot % kChunkSlots];
    for (Own& own : cells.own) {
        for (Packed& cell : own.charged) cell.store(0);
        for (Packed& cell : own.returned) cell.store(0);
    }
    for (Known& known : cells.known) {
        for (Packed& cell : known.use) cell.store(0);
    }
    cells.spend.store(0);
    cells.spend_known.store(0);
    cells.in_flight.store(0);
    cells.overrun_max.store(0);
}

std::uint64_t CounterTable::own_spend(Slot slot) const {
    return row(slot).spend.load();
}

std::array<OwnCell, 2> CounterTable::own(Slot slot, LimitKind kind, WallTime now) const {
    const OwnView seen(row(slot).own[static_cast<std::size_t>(kind)]);
    const std::uint32_t newest = seen.position(window_at(now)).window;
    std::array<OwnCell, 2> cells;
    for (std::uint32_t age = 0; age < 2 && age <= newest; ++age) {
        cells[(newest - age) % 2] = seen.cell(newest - age);
    }
    return cells;
}

void CounterTable::publish_known(Slot slot, LimitKind kind, std::uint32_t window,
                                 std::uint64_t use) {
    Packed& place = row(slot).known[static_cast<std::size_t>(kind)].use[window % kKnownWindows];
    // The oldest window that a store takes cells of weighs in nothing any more, and must not take
    // the place of the newest.
    if (window_of(place.load()) == window + kKnownWindows) return;
    place.store(pack(window, use));
}

void CounterTable::publish_known_spend(Slot slot, std::uint64_t micro_usd) {
    row(slot).spend_known.store(micro_usd);
}

void CounterTable::take_changed(std::vector<Slot>& out) {
    for (std::size_t word = 0; word < changed_bits_.size(); ++word) {
        if (changed_bits_[word].load() == 0) continue;
        std::uint64_t bits = changed_bits_[word].exchange(0);
        for (; bits != 0; bits &= bits - 1) {
            out.push_back(static_cast<Slot>(word * kBitsPerWord) +
                          static_cast<Slot>(std::countr_zero(bits)));
        }
    }
}

}  // namespace vidai::mesh::limits
