// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/segment.h"

#include <gtest/gtest.h>

#include "tests/mesh/journal/memory_volume.h"
#include "tests/mesh/usage/events.h"

namespace vidai::mesh::usage {
namespace {

const journal::Owner kOrigin{{{1, 2}}, {{3, 4}}};

struct SegmentTest : testing::Test {
    journal::MemoryVolume volume;
    std::vector<Event> read;

    Result<Segment> open(const journal::Owner& origin = kOrigin) {
        read.clear();
        return Segment::open(volume, origin, seal::system_random(),
                             [&](const Event& event) { read.push_back(event); });
    }
};

TEST_F(SegmentTest, HasWhatWasCommittedAndGoesOnBehindIt) {
    {
        auto segment = open();
        ASSERT_TRUE(segment);
        EXPECT_EQ(segment->newest(), WallTime::min());
        segment->append(some_event(6));
        segment->append(some_event(7));
        ASSERT_TRUE(segment->commit());
        segment->append(some_event(8));  // and never committed
    }
    auto again = open();
    ASSERT_TRUE(again);
    EXPECT_EQ(read, (std::vector{some_event(6), some_event(7)}));
    EXPECT_EQ(again->events(), 2U);
    EXPECT_EQ(again->last(), 7U);
    EXPECT_EQ(again->newest(), at_ms(1'000));
    again->append(some_event(8));
    ASSERT_TRUE(again->commit());
    ASSERT_TRUE(open());
    EXPECT_EQ(read.size(), 3U);
}

TEST_F(SegmentTest, HoldsMoreThanOneRecordDoes) {
    constexpr std::uint64_t kEvents = (2 * kBatchEventsMax) + 1;
    {
        auto segment = open();
        ASSERT_TRUE(segment);
        for (std::uint64_t i = 1; i <= kEvents; ++i) segment->append(some_event(i));
        const std::uint64_t about = segment->bytes();
        ASSERT_TRUE(segment->commit());
        EXPECT_NEAR(static_cast<double>(segment->bytes()), static_cast<double>(about), 1'000);
        EXPECT_LT(segment->bytes() / kEvents, 120U) << "an event, its texts not counted each time";
    }
    ASSERT_TRUE(open());
    EXPECT_EQ(read.size(), kEvents);
    EXPECT_EQ(read.back(), some_event(kEvents));
}

TEST_F(SegmentTest, OfAnotherOriginIsRefused) {
    ASSERT_TRUE(open());
    const auto other = open({{{1, 2}}, {{9}}});
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::kCorrupt);
}

TEST_F(SegmentTest, WithNumbersThatDoNotRiseIsRefused) {
    {
        auto journal =
            journal::Journal::open(volume, kOrigin, seal::system_random(),
                                   [](std::uint8_t, seal::ByteView) -> Result<void> { return {}; });
        ASSERT_TRUE(journal);
        journal->append(1, record_of({some_event(5)}));
        journal->append(1, record_of({some_event(5)}));
        ASSERT_TRUE(journal->commit());
    }
    const auto twice = open();
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().code, ErrorCode::kCorrupt);
}

TEST_F(SegmentTest, WithAnotherKindOfRecordIsRefused) {
    {
        auto journal =
            journal::Journal::open(volume, kOrigin, seal::system_random(),
                                   [](std::uint8_t, seal::ByteView) -> Result<void> { return {}; });
        ASSERT_TRUE(journal);
        journal->append(2, record_of({some_event(5)}));
        ASSERT_TRUE(journal->commit());
    }
    EXPECT_FALSE(open());
}

std::vector<Held> three() {
    return {{1, 100, at_ms(1'000), true}, {2, 100, at_ms(2'000), false}, {3, 100, at_ms(3'000)}};
}

TEST(Retention, KeepsWhatIsYoungAndFits) {
    const Dropped none = to_drop(three(), {300, WallTime::duration(9'000)}, at_ms(10'000));
    EXPECT_TRUE(none.ids.empty());
}

TEST(Retention, DropsWhatIsTooOld) {
    const Dropped one = to_drop(three(), {300, WallTime::duration(8'999)}, at_ms(10'000));
    EXPECT_EQ(one.ids, std::vector<std::uint64_t>{1});
    EXPECT_EQ(one.unsettled, 0U);
}

TEST(Retention, DropsTheOldestUntilTheRestFits) {
    const Dropped one = to_drop(three(), {200, WallTime::duration(99'000)}, at_ms(10'000));
    EXPECT_EQ(one.ids, std::vector<std::uint64_t>{1});
    const Dropped two = to_drop(three(), {199, WallTime::duration(99'000)}, at_ms(10'000));
    EXPECT_EQ(two.ids, (std::vector<std::uint64_t>{1, 2}));
    EXPECT_EQ(two.unsettled, 1U) << "nobody else has the second one";
}

TEST(Retention, LeavesTheOneThatIsWrittenTo) {
    const Dropped two = to_drop(three(), {0, WallTime::duration(0)}, at_ms(10'000));
    EXPECT_EQ(two.ids, (std::vector<std::uint64_t>{1, 2}));
    EXPECT_TRUE(to_drop({}, {0, WallTime::duration(0)}, at_ms(10'000)).ids.empty());
}

}  // namespace
}  // namespace vidai::mesh::usage
