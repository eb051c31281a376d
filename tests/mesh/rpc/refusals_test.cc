// SPDX-License-Identifier: Apache-2.0
// What is said about refusals.
#include "mesh/rpc/refusals.h"

#include <gtest/gtest.h>

namespace vidai::mesh::rpc {
namespace {

using namespace std::chrono_literals;

const MonoTime kStart = MonoTime(1h);
constexpr std::string_view kAnyone = "192.0.2.1:40000";

TEST(Refusals, TellTheFirstOfEachReasonThenHowManyMore) {
    Refusals refusals;
    EXPECT_EQ(refusals.count("stranger", kAnyone, kStart), 0u);
    EXPECT_EQ(refusals.count("late", kAnyone, kStart), 0u) << "each reason has its own line";
    for (int i = 0; i < 7; ++i)
        EXPECT_FALSE(refusals.count("stranger", kAnyone, kStart + 9s).has_value());
    EXPECT_EQ(refusals.count("stranger", kAnyone, kStart + 10s), 7u);
    EXPECT_FALSE(refusals.count("stranger", kAnyone, kStart + 11s).has_value());
    EXPECT_EQ(refusals.total("stranger"), 10u);
    EXPECT_EQ(refusals.total("late"), 1u);
}

TEST(Refusals, TellWhatWasLeftOutWhenTheFloodIsOver) {
    Refusals refusals;
    EXPECT_TRUE(refusals.overdue(kStart).empty());
    refusals.count("address_slots", kAnyone, kStart);
    EXPECT_TRUE(refusals.overdue(kStart + 1h).empty()) << "the first was told";
    for (int i = 0; i < 19; ++i) refusals.count("address_slots", kAnyone, kStart + 1s);
    refusals.count("late", kAnyone, kStart + 1s);
    EXPECT_TRUE(refusals.overdue(kStart + 9s).empty());
    const auto due = refusals.overdue(kStart + 10s);
    ASSERT_EQ(due.size(), 1u);
    EXPECT_EQ(due.front().reason, "address_slots");
    EXPECT_EQ(due.front().count, 19u);
    EXPECT_TRUE(refusals.overdue(kStart + 1h).empty());
    EXPECT_EQ(refusals.count("address_slots", kAnyone, kStart + 1h), 0u);
    EXPECT_EQ(refusals.total("address_slots"), 21u);
}

TEST(Refusals, NameTheLastOfThoseThatWereLeftOut) {
    Refusals refusals;
    refusals.count("late", "192.0.2.1:1", kStart);
    refusals.count("late", "192.0.2.2:2", kStart + 1s);
    refusals.count("late", "[2001:db8::3]:3", kStart + 2s);
    refusals.count("address_slots", "192.0.2.4:4", kStart + 3s);
    const auto due = refusals.overdue(kStart + 10s);
    ASSERT_EQ(due.size(), 1u);
    EXPECT_EQ(due.front().last, "[2001:db8::3]:3");
}

TEST(Refusals, ThoseOfTheLastTenMinutesAreKept) {
    Refusals refusals;
    EXPECT_TRUE(refusals.lately(kStart).empty());
    refusals.count("late", "192.0.2.1:1", kStart);
    for (int i = 0; i < 5; ++i) {
        refusals.count("slots", "192.0.2.2:" + std::to_string(i), kStart + 3min);
    }
    refusals.count("late", "192.0.2.3:3", kStart + 9min);
    using Reports = std::vector<RefusalReport>;
    EXPECT_EQ(refusals.lately(kStart + 9min),
              (Reports{{"slots", 5, "192.0.2.2:4"}, {"late", 2, "192.0.2.3:3"}}));
    EXPECT_EQ(refusals.lately(kStart + 10min),
              (Reports{{"slots", 5, "192.0.2.2:4"}, {"late", 1, "192.0.2.3:3"}}));
    EXPECT_EQ(refusals.lately(kStart + 13min), (Reports{{"late", 1, "192.0.2.3:3"}}));
    EXPECT_TRUE(refusals.lately(kStart + 19min).empty());
    refusals.count("late", "192.0.2.4:4", kStart + 48h);
    EXPECT_EQ(refusals.lately(kStart + 48h), (Reports{{"late", 1, "192.0.2.4:4"}}));
}

TEST(Refusals, CountAnUnknownReasonAsOther) {
    Refusals refusals;
    EXPECT_TRUE(refusals.count("made up by a peer", kAnyone, kStart).has_value());
    EXPECT_EQ(refusals.total("other"), 1u);
    EXPECT_EQ(refusals.total("made up by a peer"), 0u);
}

}  // namespace
}  // namespace vidai::mesh::rpc
