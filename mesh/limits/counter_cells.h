// SPDX-License-Identifier: Apache-2.0
// The cells of a CounterTable: atomics that pack a count with the number of its window, modulo
// 2^26, so that a window rolls over in the same compare-exchange that charges it. Lock-free; any
// thread.
//
// Orders are sequentially consistent throughout, which on x86 costs nothing beyond the
// compare-exchange: a return is never seen before the charge that it undoes, and a change is never
// missed by CounterTable::take_changed().
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "mesh/limits/window.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::limits::cells {

using Packed = std::atomic<std::uint64_t>;

inline constexpr std::uint32_t kKnownWindows = 4;
inline constexpr std::uint32_t kTagMask = (std::uint32_t{1} << (64 - kCountBits)) - 1;
// A window ahead of ours by at most this was charged before our wall clock stepped back: we join
// it. Beyond, the clock has really been set back, and waiting for it would lock the key out.
inline constexpr std::uint32_t kJoinAheadS = 8 * kMinuteS;

// What of a window's number a cell has room for. Two that it cannot tell apart are two years apart.
constexpr std::uint32_t tag_of(std::uint32_t window) {
    return window & kTagMask;
}
constexpr std::uint32_t tag_in(std::uint64_t packed) {
    return static_cast<std::uint32_t>(packed >> kCountBits);
}
constexpr std::uint64_t count_of(std::uint64_t packed) {
    return packed & kCountMax;
}
constexpr std::uint64_t pack(std::uint32_t window, std::uint64_t count) {
    return (std::uint64_t{tag_of(window)} << kCountBits) | std::min(count, kCountMax);
}
constexpr std::uint64_t count_in(std::uint64_t packed, std::uint32_t window) {
    return tag_in(packed) == tag_of(window) ? count_of(packed) : 0;
}
// By how many windows a cell is ahead of ours; 0 where it is none that we join.
constexpr std::uint32_t ahead(std::uint64_t packed, std::uint32_t ours, std::uint32_t span_s) {
    const std::uint32_t by = tag_of(tag_in(packed) - ours);
    return by <= std::max<std::uint32_t>(1, kJoinAheadS / span_s) ? by : 0;
}
constexpr std::uint64_t minus(std::uint64_t a, std::uint64_t b) {
    return a > b ? a - b : 0;
}

// One windowed kind of one slot, of this node.
struct Own {
    std::array<Packed, 2> charged{};  // window w in cell w mod 2
    std::array<Packed, 2> returned{};
};
// And of all others.
struct Known {
    // w mod 4: also holds what a peer with a fast clock counted ahead.
    std::array<Packed, kKnownWindows> use{};
};
// What has no window.
struct Open {
    Packed opened{0}, closed{0};
};

// One look at all four cells, so that everything said of them is said of one moment: a window that
// turns while we think makes the compare-exchange fail, not the arithmetic.
struct OwnView {
    std::array<std::uint64_t, 2> returned;
    std::array<std::uint64_t, 2> charged;

    // Returned first: with the charge read later, the difference is never too small.
    explicit OwnView(const Own& own)
        : returned{own.returned[0].load(), own.returned[1].load()},
          charged{own.charged[0].load(), own.charged[1].load()} {}

    std::uint64_t charged_in(std::uint32_t window) const {
        return count_in(charged[window % 2], window);
    }
    std::uint64_t returned_in(std::uint32_t window) const {
        return count_in(returned[window % 2], window);
    }
    WindowUse use(std::uint32_t window) const {
        const auto net = [&](std::uint32_t of) { return minus(charged_in(of), returned_in(of)); };
        return {net(window), window == 0 ? 0 : net(window - 1)};
    }
    // Our position in time, or the newest window seen here if our clock is behind it.
    WindowPosition position(WindowPosition now, std::uint32_t span_s) const {
        for (const std::uint64_t packed : charged) {
            const std::uint32_t by = ahead(packed, now.window, span_s);
            if (by > 0) now = {now.window + by, span_s * 1'000};
        }
        return now;
    }
};

inline WindowUse known_windows(const Known& known, std::uint32_t window) {
    return {count_in(known.use[window % kKnownWindows].load(), window),
            window == 0 ? 0 : count_in(known.use[(window - 1) % kKnownWindows].load(), window - 1)};
}

// Adds to the cell of `window`; a cell of another window starts anew unless it is newer.
inline void add(Packed& cell, std::uint32_t window, std::uint64_t count, std::uint32_t span_s) {
    std::uint64_t packed = cell.load();
    for (;;) {
        if (ahead(packed, window, span_s) > 0) return;  // ours is no longer counted
        const std::uint64_t before = count_in(packed, window);
        if (cell.compare_exchange_weak(packed, pack(window, before + count))) return;
    }
}

// A return to a charge that is no longer held is to nobody: its window may be long past, and the
// cell by now another window's, which must not lose what it holds.
inline void add_return(Own& own, std::uint32_t window, std::uint64_t count) {
    Packed& cell = own.returned[window % 2];
    std::uint64_t packed = cell.load();
    for (;;) {
        if (tag_in(own.charged[window % 2].load()) != tag_of(window)) return;
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
inline Taken take(Own& own, const Known& known, std::uint64_t cost, std::uint64_t limit,
                  WindowRule rule, WindowPosition now) {
    Taken taken;
    for (;;) {
        const OwnView seen(own);
        taken.at = seen.position(now, rule.span_s);
        const std::uint32_t window = taken.at.window;
        taken.use = seen.use(window) + known_windows(known, window);
        const std::uint64_t used = estimate(taken.use, taken.at.left_ms, rule);
        if (cost > limit || used > limit - cost) return taken;
        std::uint64_t expected = seen.charged[window % 2];
        const std::uint64_t charged = pack(window, count_in(expected, window) + cost);
        if (own.charged[window % 2].compare_exchange_strong(expected, charged)) {
            taken.admitted = true;
            return taken;
        }
    }
}

// One more in flight if `limit` allows it, beside `known` ones.
inline bool enter(Open& open, std::uint64_t known, std::uint64_t limit) {
    for (;;) {
        const std::uint64_t closed = open.closed.load();
        std::uint64_t opened = open.opened.load();
        if (minus(opened, closed) + known >= limit) return false;
        if (open.opened.compare_exchange_strong(opened, opened + 1)) return true;
    }
}

// Smooths bursts (GCRA, ITU-T I.371): `burst` units at once, and from then on as many as the limit
// is in its window, evenly. It has no sum, so each node does it for itself.
struct Smoothing {
    std::uint64_t limit = 0, burst = 0;
    std::uint32_t span_s = kMinuteS;

    // In which so many units come, evenly.
    Duration time_for(std::uint64_t units) const {
        __extension__ using Product = unsigned __int128;
        const auto span_ns = std::uint64_t{span_s} * 1'000'000'000;
        const Product whole = Product{units} * span_ns + (limit - 1);
        return Duration(static_cast<std::int64_t>(whole / limit));
    }
};

// Zero, and the units have arrived; else how long until they may; nothing where they never may.
// `arrival`: when what has arrived would have by an even pace, in nanoseconds since 1970.
inline std::optional<Duration> arrive(Packed& arrival, const Smoothing& rule, std::uint64_t units,
                                      WallTime now) {
    if (units > rule.burst || rule.limit == 0) return std::nullopt;
    const std::int64_t at = std::chrono::nanoseconds(now.time_since_epoch()).count();
    const std::int64_t depth = rule.time_for(rule.burst).count();
    std::uint64_t held = arrival.load();
    for (;;) {
        std::int64_t paced = std::max(at, static_cast<std::int64_t>(held));
        if (paced - at > depth) paced = at;  // the clock was set back
        const std::int64_t next = paced + rule.time_for(units).count();
        if (next - at > depth) return Duration(next - at - depth);
        if (arrival.compare_exchange_weak(held, static_cast<std::uint64_t>(next))) {
            return Duration::zero();
        }
    }
}

inline void unarrive(Packed& arrival, const Smoothing& rule, std::uint64_t units) {
    if (rule.limit == 0) return;
    arrival.fetch_sub(static_cast<std::uint64_t>(rule.time_for(units).count()));
}

}  // namespace vidai::mesh::limits::cells
