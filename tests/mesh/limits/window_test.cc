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
std::uint64_t estimate_in(WindowUse use, std::uint32_t left_ms, Duration later, WindowRule rule) {
    const std::uint32_t window = 20'000;
    const WallTime now{std::chrono::seconds(std::int64_t{window + 1} * rule.span_s) -
                       std::chrono::milliseconds(left_ms)};
    const WindowPosition then =
        window_at(now + std::chrono::duration_cast<std::chrono::milliseconds>(later), rule.span_s);
    if (then.window == window) return estimate(use, then.left_ms, rule);
    if (then.window == window + 1) return estimate({0, use.current}, then.left_ms, rule);
    return 0;
}

TEST(TimeUntilRoom, IsTheFirstMillisecondWithRoom) {
    Rng rng(1);
    for (int i = 0; i < 40'000; ++i) {
        constexpr std::uint32_t kSpans[] = {1, 7, kMinuteS, 61, 3'600, kSpanMaxS};
        const WindowRule rule{kSpans[rng.below(std::size(kSpans))], rng.chance(0.3)};
        const std::uint64_t limit = 1 + rng.below(100);
        const std::uint64_t cost = 1 + rng.below(limit);
        const WindowUse use{rng.below(150), rng.below(150)};
        const auto left_ms =
            static_cast<std::uint32_t>(1 + rng.below(std::uint64_t{rule.span_s} * 1'000));
        const auto wait = time_until_room(use, left_ms, cost, limit, rule);
        ASSERT_TRUE(wait);
        ASSERT_LE(estimate_in(use, left_ms, *wait, rule) + cost, limit);
        if (*wait > 0ms) {
            ASSERT_GT(estimate_in(use, left_ms, *wait - 1ms, rule) + cost, limit);
        }
        const Duration empty = time_until_empty(use, left_ms, rule);
        ASSERT_EQ(estimate_in(use, left_ms, empty, rule), 0u);
        if (empty > 0ms) {
            ASSERT_GT(estimate_in(use, left_ms, empty - 1ms, rule), 0u);
        }
    }
}

TEST(WindowPosition, CutsTimeAtTheSamePlacesForEverySpan) {
    const WallTime noon{std::chrono::hours(24 * 20'000 + 12)};
    EXPECT_EQ(window_at(noon, kSpanMaxS).window, 20'000u);
    EXPECT_EQ(window_at(noon, kSpanMaxS).left_ms, 43'200'000u);
    EXPECT_EQ(window_at(noon + 250ms, 1).left_ms, 750u);
}

TEST(Estimate, OfADayFitsItsBitsAndIsNeverTooSmall) {
    const WindowRule day{kSpanMaxS, false};
    EXPECT_EQ(estimate({0, 2 * kCountMax}, kSpanMaxS * 1'000, day), 2 * kCountMax);
    EXPECT_EQ(estimate({0, 2}, kSpanMaxS * 500, day), 1u);
    EXPECT_EQ(estimate({0, 2}, kSpanMaxS * 500 + 1, day), 2u);
    EXPECT_EQ(estimate({3, 9}, 1, {kSpanMaxS, true}), 3u) << "a fixed window has no previous one";
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
