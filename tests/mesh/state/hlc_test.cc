// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/hlc.h"

#include <gtest/gtest.h>

namespace vidai::mesh::state {
namespace {

using std::chrono::milliseconds;

TEST(HybridClock, FollowsWallTime) {
    HlcClock clock;
    const WallTime now{milliseconds(1'790'000'000'123)};
    EXPECT_EQ(clock.tick(now).wall(), now);
}

TEST(HybridClock, NeverGoesBackWhenWallTimeDoes) {
    HlcClock clock;
    const Hlc first = clock.tick(WallTime(milliseconds(5'000)));
    const Hlc second = clock.tick(WallTime(milliseconds(1'000)));
    EXPECT_GT(second, first);
}

TEST(HybridClock, IsAheadOfEverythingItObserved) {
    HlcClock clock;
    const Hlc seen = Hlc::at(WallTime(milliseconds(9'000)));
    clock.observe(seen);
    EXPECT_GT(clock.tick(WallTime(milliseconds(1'000))), seen);
}

// Once a clock that was wrong while one key was created ended all later writes of its node.
TEST(HybridClock, ForgetsAClockThatWasWrong) {
    HlcClock clock;
    const WallTime now{milliseconds(1'790'000'000'000)};
    (void)clock.tick(now + std::chrono::hours(24 * 365));
    EXPECT_EQ(clock.tick(now).wall(), now);
    clock.observe(Hlc::at(now + std::chrono::minutes(11)));
    EXPECT_EQ(clock.tick(now).wall(), now);
    const Hlc near = Hlc::at(now + std::chrono::minutes(10));
    clock.observe(near);
    EXPECT_GT(clock.tick(now), near);
}

TEST(HybridClock, CarriesIntoTheMillisecondsWhenTheCountIsFull) {
    HlcClock clock;
    const WallTime now{milliseconds(1'000)};
    Hlc last = clock.tick(now);
    for (int i = 0; i < 70'000; ++i) {
        const Hlc next = clock.tick(now);
        ASSERT_GT(next, last);
        last = next;
    }
    EXPECT_EQ(last.wall(), WallTime(milliseconds(1'001)));
}

}  // namespace
}  // namespace vidai::mesh::state
