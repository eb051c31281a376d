// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/time_of_day.h"

#include <algorithm>
#include <chrono>
#include <initializer_list>

#include <gtest/gtest.h>

namespace vidai::mesh::budget {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNoon{std::chrono::days(20'000) + 12h};

class Clocks : public ::testing::Test {
  protected:
    // After so much more time; `off`: of this node's clock, since the start.
    std::optional<TimeOfDay> after(Duration time, std::initializer_list<Duration> peers,
                                   std::size_t others, std::chrono::milliseconds off = {}) {
        passed_ += time;
        const PeerClocks all{peers, std::max(peers.size(), connected_), others};
        const auto wall = kNoon + std::chrono::floor<WallTime::duration>(passed_) + off;
        return judge_.judge(wall, MonoTime(1s) + passed_, all);
    }
    static constexpr std::optional<TimeOfDay> kNobodyKnows{};

    ClockJudge judge_;
    std::size_t connected_ = 0;
    Duration passed_{};
};

TEST_F(Clocks, AreTrustedWhereNobodyElseCanBeAsked) {
    EXPECT_EQ(after(0s, {}, 0), (TimeOfDay{kNoon, true}));
    EXPECT_EQ(after(1s, {3h}, 1), (TimeOfDay{kNoon + 1s, true})) << "of two either may be right";
}

TEST_F(Clocks, OfManyAreHeldToTheMedian) {
    after(0s, {}, 2);
    EXPECT_TRUE(after(6s, {10ms, -20ms}, 2));
    EXPECT_TRUE(after(0s, {0ms, 40s}, 2)) << "the other one is off";
    EXPECT_TRUE(after(0s, {-40s, 500ms}, 2));
    EXPECT_EQ(after(0s, {40s, 40s}, 2), kNobodyKnows);
    EXPECT_EQ(after(0s, {-40s, -501ms}, 2), kNobodyKnows);
    EXPECT_EQ(after(0s, {40s, 40s, 0s}, 3), kNobodyKnows) << "two and two";
    EXPECT_TRUE(after(0s, {40s, 0s, 0s}, 3));
}

TEST_F(Clocks, OfManyAgreeWithTheOnlyOneThatIsHeard) {
    EXPECT_TRUE(after(0s, {300ms}, 2));
    EXPECT_EQ(after(0s, {600ms}, 2), kNobodyKnows) << "either may be right";
}

TEST_F(Clocks, OfManyAreHeardFirstAndDoneWithoutByWhoIsCutOff) {
    EXPECT_EQ(after(0s, {}, 2), kNobodyKnows);
    EXPECT_EQ(after(4s, {}, 2), kNobodyKnows);
    connected_ = 1;
    EXPECT_EQ(after(60s, {}, 2), kNobodyKnows) << "it will say in a moment";
    connected_ = 0;
    EXPECT_TRUE(after(1s, {}, 2));
}

TEST_F(Clocks, ThatJumpAreNotSteadyForAMinute) {
    EXPECT_TRUE(after(0s, {}, 0)->steady);
    EXPECT_TRUE(after(50ms, {}, 0, 500ms)->steady);
    EXPECT_FALSE(after(50ms, {}, 0, 2s)->steady);
    EXPECT_EQ(after(50ms, {0ms, 0ms}, 2, 2s), kNobodyKnows) << "compared before it jumped";
    EXPECT_FALSE(after(59s, {}, 0, 2s)->steady);
    EXPECT_TRUE(after(1s, {}, 0, 2s)->steady);
    EXPECT_FALSE(after(1s, {}, 0, -1h)->steady) << "back, too";
    EXPECT_TRUE(after(61s, {0ms, 0ms}, 2, -1h)) << "as the others have it";
}

TEST_F(Clocks, MayDriftOverDays) {
    for (int minute = 0; minute < 3'000; ++minute) {
        ASSERT_TRUE(after(60s, {}, 0, std::chrono::milliseconds(3 * minute))->steady);
    }
}

}  // namespace
}  // namespace vidai::mesh::budget
