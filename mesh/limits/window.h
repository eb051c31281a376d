// SPDX-License-Identifier: Apache-2.0
// The arithmetic of a limit's window: stretches of a second to a day, aligned to WallTime so that
// every node cuts time at the same places, and a sliding estimate from two of them. Pure; any
// thread.
//
// The estimate assumes that the previous window's use was spread evenly over it (the "sliding
// window counter"). It rounds up, so a limit of one never admits two across a boundary. A fixed
// window forgets what was before it at once, so up to twice the limit fits around a boundary.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "schema/vocabulary/time.h"

namespace vidai::mesh::limits {

inline constexpr std::uint32_t kMinuteS = 60;
inline constexpr std::uint32_t kWindowMs = kMinuteS * 1'000;  // of a key's own limits
inline constexpr std::uint32_t kSpanMaxS = 86'400;
// Counts and limits are below 2^38 (2.7e11 tokens a window), so that a count and the number of its
// window, modulo 2^26, fit one 64-bit atomic. Greater limits mean this one.
inline constexpr int kCountBits = 38;
inline constexpr std::uint64_t kCountMax = (std::uint64_t{1} << kCountBits) - 1;

struct WindowRule {
    std::uint32_t span_s = kMinuteS;  // 1 to kSpanMaxS
    bool fixed = false;               // only the current window counts
    friend bool operator==(const WindowRule&, const WindowRule&) = default;
};

struct WindowPosition {
    std::uint32_t window = 0;           // spans since 1970
    std::uint32_t left_ms = kWindowMs;  // until the next one: 1 to the whole span
};

constexpr WindowPosition window_at(WallTime now, std::uint32_t span_s = kMinuteS) {
    const std::int64_t span_ms = std::int64_t{span_s} * 1'000;
    const std::int64_t ms = std::max<std::int64_t>(0, now.time_since_epoch().count());
    return {static_cast<std::uint32_t>(ms / span_ms),
            static_cast<std::uint32_t>(span_ms - ms % span_ms)};
}

// What two windows hold, of one node or of all.
struct WindowUse {
    std::uint64_t current = 0;
    std::uint64_t previous = 0;
    friend constexpr WindowUse operator+(WindowUse a, WindowUse b) {
        return {a.current + b.current, a.previous + b.previous};
    }
};

// The parts that a window is weighed by: its milliseconds, of one that is longer than a minute as
// many as a minute has, so that a count times its parts fits 64 bits.
constexpr std::uint64_t window_parts(std::uint32_t span_s) {
    return std::min<std::uint64_t>(std::uint64_t{span_s} * 1'000, kWindowMs);
}
constexpr std::uint64_t parts_left(std::uint32_t left_ms, std::uint32_t span_s) {
    if (span_s <= kMinuteS) return left_ms;
    return (std::uint64_t{left_ms} * kMinuteS + span_s - 1) / span_s;
}

// current + previous x (the part of the previous window that the last span still covers).
constexpr std::uint64_t estimate(WindowUse use, std::uint32_t left_ms, WindowRule rule) {
    if (rule.fixed) return use.current;
    const std::uint64_t parts = window_parts(rule.span_s);
    return use.current + (use.previous * parts_left(left_ms, rule.span_s) + parts - 1) / parts;
}
constexpr std::uint64_t sliding_estimate(WindowUse use, std::uint32_t left_ms) {
    return estimate(use, left_ms, {});
}

// How long until `cost` fits under `limit` if nothing else is charged; zero when it fits now,
// nothing when it never will because it is greater than the limit itself.
std::optional<Duration> time_until_room(WindowUse use, std::uint32_t left_ms, std::uint64_t cost,
                                        std::uint64_t limit, WindowRule rule = {});

// How long until the estimate is zero if nothing else is charged.
Duration time_until_empty(WindowUse use, std::uint32_t left_ms, WindowRule rule = {});

}  // namespace vidai::mesh::limits
