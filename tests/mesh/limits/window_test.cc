// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/window.h"

#include <gtest/gtest.h>

#include "schema/base/rng.h"

namespace vidai::mesh::limits {
namespace {

using namespace std::chrono_literals;

TEST(Window, IsAMinuteOfWallTime) {
    constexpr WallTime kMinute{30'000'000min};
    EXPECT_EQ(window_at(kMinute).window, 30'000'000u);
    EXPECT_EQ(window_at(kMinute).left_ms, 60'000u);
    EXPECT_EQ(window_at(kMinute + 59'999ms).window, 30'000'000u);
    EXPECT_EQ(window_at(kMinute + 59'999ms).left_ms, 1u);
    EXPECT_EQ(window_at(kMinute + 60s).window, 30'000'001u);
    EXPECT_EQ(window_at(WallTime{-5h}).window, 0u);
}

TEST(SlidingEstimate, FadesThePreviousWindowAndRoundsUp) {
    EXPECT_EQ(sliding_estimate({10, 60}, 60'000), 70u);
    EXPECT_EQ(sliding_estimate({10, 60}, 30'000), 40u);
    EXPECT_EQ(sliding_estimate({10, 60}, 1), 11u);
    EXPECT_EQ(sliding_estimate({0, 1}, 1), 1u);
    EXPECT_EQ(sliding_estimate({0, 0}, 1), 0u);
    EXPECT_EQ(sliding_estimate({0, 2 * kCountMax}, 60'000), 2 * kCountMax) << "no overflow";
}

// The estimate as it will be `later` if nothing is charged.
std::uint64_t estimate_in(WindowUse use, std::uint32_t left_ms, Duration later) {
    const WallTime now{30'000'001min - std::chrono::milliseconds(left_ms)};
    const WindowPosition then =
        window_at(now + std::chrono::duration_cast<std::chrono::milliseconds>(later));
    if (then.window == 30'000'000) return sliding_estimate(use, then.left_ms);
    if (then.window == 30'000'001) return sliding_estimate({0, use.current}, then.left_ms);
    return 0;
}

TEST(TimeUntilRoom, IsTheFirstMillisecondWithRoom) {
    Rng rng(1);
    for (int i = 0; i < 20'000; ++i) {
        const std::uint64_t limit = 1 + rng.below(100);
        const std::uint64_t cost = 1 + rng.below(limit);
        const WindowUse use{rng.below(150), rng.below(150)};
        const auto left_ms = static_cast<std::uint32_t>(1 + rng.below(kWindowMs));
        const auto wait = time_until_room(use, left_ms, cost, limit);
        ASSERT_TRUE(wait);
        ASSERT_LE(estimate_in(use, left_ms, *wait) + cost, limit);
        if (*wait > 0ms) {
            ASSERT_GT(estimate_in(use, left_ms, *wait - 1ms) + cost, limit);
        }
    }
}

TEST(TimeUntilRoom, IsNeverForACostAboveTheLimit) {
    EXPECT_EQ(time_until_room({0, 0}, 60'000, 11, 10), std::nullopt);
    EXPECT_EQ(time_until_room({0, 0}, 60'000, 10, 10), Duration::zero());
}

TEST(TimeUntilEmpty, IsWhenTheLastChargeHasFaded) {
    EXPECT_EQ(time_until_empty({0, 0}, 1'000), 0ms);
    EXPECT_EQ(time_until_empty({0, 5}, 1'000), 1s);
    EXPECT_EQ(time_until_empty({1, 0}, 1'000), 61s);
}

}  // namespace
}  // namespace vidai::mesh::limits
