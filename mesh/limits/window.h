// SPDX-License-Identifier: Apache-2.0
// The arithmetic of a limit's window: fixed windows of one minute, aligned to WallTime so that
// every node cuts time at the same places, and a sliding estimate from two of them. Pure; any
// thread.
//
// The estimate assumes that the previous window's use was spread evenly over it (the "sliding
// window counter"). It rounds up, so a limit of one never admits two across a boundary.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "schema/vocabulary/time.h"

namespace vidai::mesh::limits {

inline constexpr std::uint32_t kWindowMs = 60'000;
// Counts and limits are below 2^38 (2.7e11 tokens a minute), so that a count and the number of its
// window fit one 64-bit atomic until the year 2097. Greater limits mean this one.
inline constexpr int kCountBits = 38;
inline constexpr std::uint64_t kCountMax = (std::uint64_t{1} << kCountBits) - 1;

struct WindowPosition {
    std::uint32_t window = 0;           // minutes since 1970
    std::uint32_t left_ms = kWindowMs;  // until the next one: 1 to kWindowMs
};

constexpr WindowPosition window_at(WallTime now) {
    const std::int64_t ms = std::max<std::int64_t>(0, now.time_since_epoch().count());
    return {static_cast<std::uint32_t>(ms / kWindowMs),
            kWindowMs - static_cast<std::uint32_t>(ms % kWindowMs)};
}

// What two windows hold, of one node or of all.
struct WindowUse {
    std::uint64_t current = 0;
    std::uint64_t previous = 0;
    friend constexpr WindowUse operator+(WindowUse a, WindowUse b) {
        return {a.current + b.current, a.previous + b.previous};
    }
};

// current + previous x (the part of the previous window that the last minute still covers).
constexpr std::uint64_t sliding_estimate(WindowUse use, std::uint32_t left_ms) {
    return use.current + (use.previous * left_ms + kWindowMs - 1) / kWindowMs;
}

// How long until `cost` fits under `limit` if nothing else is charged; zero when it fits now,
// nothing when it never will because it is greater than the limit itself.
std::optional<Duration> time_until_room(WindowUse use, std::uint32_t left_ms, std::uint64_t cost,
                                        std::uint64_t limit);

// How long until the estimate is zero if nothing else is charged.
Duration time_until_empty(WindowUse use, std::uint32_t left_ms);

}  // namespace vidai::mesh::limits
