// SPDX-License-Identifier: Apache-2.0
#include "mesh/membership/timing.h"

#include <gtest/gtest.h>

namespace vidai::mesh::membership {
namespace {

using std::chrono::milliseconds;

constexpr Duration kPeriod = milliseconds(500);  // of who answers at once

TEST(SuspicionTimes, GrowWithTheLogarithmOfTheMeshAboveTenMembers) {
    const Options options;
    EXPECT_EQ(suspicion_times(options, 3, 0, kPeriod).min, milliseconds(1500));
    EXPECT_EQ(suspicion_times(options, 3, 0, kPeriod).max, milliseconds(6000));
    EXPECT_EQ(suspicion_times(options, 10, 0, kPeriod).min, milliseconds(1500));
    EXPECT_EQ(suspicion_times(options, 100, 0, kPeriod).min, milliseconds(3000));
    EXPECT_EQ(suspicion_times(options, 100, 0, kPeriod).max, milliseconds(15'000));
}

TEST(SuspicionTimes, GiveWhoAnswersLateMoreTimeUpToTheMaximum) {
    const Options options;
    EXPECT_EQ(suspicion_times(options, 3, 0, milliseconds(1000)).min, milliseconds(3000));
    EXPECT_EQ(suspicion_times(options, 3, 0, milliseconds(2000)).min, milliseconds(6000));
    EXPECT_EQ(suspicion_times(options, 3, 0, milliseconds(9000)).min, milliseconds(6000));
    EXPECT_EQ(suspicion_times(options, 3, 0, milliseconds(9000)).max, milliseconds(6000));
    EXPECT_EQ(suspicion_times(options, 100, 0, milliseconds(1000)).min, milliseconds(6000));
}

TEST(SuspicionTimes, ExpectNoMoreConfirmationsThanThereAreOthers) {
    const Options options;
    EXPECT_EQ(suspicion_times(options, 3, 0, kPeriod).expected, 1U);
    EXPECT_EQ(suspicion_times(options, 4, 0, kPeriod).expected, 2U);
    EXPECT_EQ(suspicion_times(options, 50, 0, kPeriod).expected, 3U);
}

TEST(SuspicionTimes, OfTwoMembersAreOneTimeDoubledAtMostOnceByOurOwnHealth) {
    const Options options;
    EXPECT_EQ(suspicion_times(options, 2, 0, kPeriod).min, milliseconds(3000));
    EXPECT_EQ(suspicion_times(options, 2, 0, kPeriod).max, milliseconds(3000));
    EXPECT_EQ(suspicion_times(options, 2, 8, kPeriod).max, milliseconds(6000));
}

TEST(SuspicionTimeout, FallsFromMaximumToMinimumWithConfirmations) {
    const SuspicionTimes times = suspicion_times({}, 10, 0, kPeriod);
    EXPECT_EQ(suspicion_timeout(times, 0), times.max);
    EXPECT_EQ(suspicion_timeout(times, 1), milliseconds(3750));
    EXPECT_LT(suspicion_timeout(times, 2), suspicion_timeout(times, 1));
    EXPECT_EQ(suspicion_timeout(times, 3), times.min);
    EXPECT_EQ(suspicion_timeout(times, 99), times.min);
}

TEST(Helpers, AreThreeOrAsManyAsThereAreOthersAndFourInALargeMesh) {
    const Options options;
    EXPECT_EQ(helper_count(options, 1), 0U);
    EXPECT_EQ(helper_count(options, 2), 0U);
    EXPECT_EQ(helper_count(options, 3), 1U);
    EXPECT_EQ(helper_count(options, 9), 3U);
    EXPECT_EQ(helper_count(options, 101), 4U);
}

TEST(HealthCap, IsNothingAloneAndOneAmongTwo) {
    const Options options;
    EXPECT_EQ(health_cap(options, 1), 0U);
    EXPECT_EQ(health_cap(options, 2), 1U);
    EXPECT_EQ(health_cap(options, 3), 8U);
}

TEST(ProbeTimeout, IsFourTimesTheHighRoundTripWithinItsBounds) {
    const Options options;
    RoundTrip rtt;
    EXPECT_EQ(probe_timeout(options, rtt), milliseconds(250));
    rtt.add(milliseconds(1));
    EXPECT_EQ(probe_timeout(options, rtt), milliseconds(100));
    rtt.add(milliseconds(50));
    EXPECT_EQ(probe_timeout(options, rtt), milliseconds(200));
    rtt.add(milliseconds(900));
    EXPECT_EQ(probe_timeout(options, rtt), milliseconds(1000));
    for (int i = 0; i < 30; ++i) rtt.add(milliseconds(1));
    EXPECT_EQ(probe_timeout(options, rtt), milliseconds(100));
}

TEST(ProbePeriod, IsStretchedByHealthButNeverBeyondWhatTheIntervalAloneWouldBe) {
    const Options options;
    EXPECT_EQ(probe_period(options, milliseconds(100), 0), milliseconds(500));
    EXPECT_EQ(probe_period(options, milliseconds(100), 8), milliseconds(4500));
    EXPECT_EQ(probe_period(options, milliseconds(1000), 0), milliseconds(2000));
    EXPECT_EQ(probe_period(options, milliseconds(1000), 8), milliseconds(4500));
}

}  // namespace
}  // namespace vidai::mesh::membership
