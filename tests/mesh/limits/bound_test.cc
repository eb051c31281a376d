// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/bound.h"

#include <gtest/gtest.h>

namespace vidai::mesh::limits {
namespace {

using namespace std::chrono_literals;

TEST(OvershootBound, IsNothingForANodeAlone) {
    EXPECT_EQ(overshoot_bound({.nodes = 1, .limit = 60, .burst_in_delay = 1'000}), 0u);
}

TEST(OvershootBound, SparesTheShareThatTheBusiestNodeSawItself) {
    EXPECT_EQ(overshoot_bound({.nodes = 3, .limit = 60, .burst_in_delay = 3}), 2u);
    EXPECT_EQ(overshoot_bound({.nodes = 3, .limit = 60, .burst_in_delay = 4}), 3u) << "rounded up";
    EXPECT_EQ(overshoot_bound({.nodes = 2, .limit = 60, .burst_in_delay = 10}), 5u);
}

TEST(OvershootBound, AddsSkewWithheldChangesAndCrashes) {
    EXPECT_EQ(overshoot_bound({.nodes = 2,
                               .limit = 1'000,
                               .burst_in_delay = 10,
                               .burst_in_skew = 7,
                               .significance = 0.02,
                               .lost_in_crashes = 4}),
              5u + 7u + 20u + 4u);
}

TEST(OvershootBound, NeverExceedsWhatEachOtherNodeMayAdmitAlone) {
    EXPECT_EQ(overshoot_bound({.nodes = 3, .limit = 10, .burst_in_delay = 1'000'000}), 20u);
    // But by its own clock.
    EXPECT_EQ(
        overshoot_bound({.nodes = 3, .limit = 10, .burst_in_delay = 1'000'000, .burst_in_skew = 4}),
        24u);
}

TEST(OvershootBound, AddsWhatIsOnlyKnownAfterwards) {
    EXPECT_EQ(overshoot_bound({.nodes = 3, .limit = 10, .cost_max_unreserved = 5}), 15u);
}

TEST(PacedBurst, CountsTheTicksOfAClosedStretch) {
    EXPECT_EQ(paced_burst(150ms, 100ms), 2u);
    EXPECT_EQ(paced_burst(200ms, 100ms), 3u);
    EXPECT_EQ(paced_burst(0ms, 100ms), 1u);
    EXPECT_EQ(paced_burst(150ms, 100ms, 40), 80u);
}

}  // namespace
}  // namespace vidai::mesh::limits
