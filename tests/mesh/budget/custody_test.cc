// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/custody.h"

#include <gtest/gtest.h>

#include "tests/mesh/budget/support.h"

namespace vidai::mesh::budget {
namespace {

TEST(Custody, AcknowledgesWhatIsOnItsDisk) {
    Custody copy(first_header());
    ASSERT_TRUE(copy.on_append(0, beginning()).has_value());
    EXPECT_EQ(copy.acknowledged(), 0U);
    copy.on_synced(1);
    EXPECT_EQ(copy.acknowledged(), 1U);
    copy.on_synced(2);
    EXPECT_EQ(copy.acknowledged(), 2U);
    ASSERT_TRUE(copy.on_append(0, beginning()).has_value()) << "a repeated message";
    EXPECT_EQ(copy.entries().size(), 2U);
}

TEST(Custody, LeavesNoGap) {
    Custody copy(first_header());
    const auto entries = beginning();
    const auto taken = copy.on_append(1, std::span(entries).subspan(1));
    ASSERT_FALSE(taken.has_value());
    EXPECT_EQ(taken.error().code, ErrorCode::kConflict);
    EXPECT_EQ(copy.state().seq(), 0U);
}

TEST(Custody, KeepsNothingThatNoHonestOwnerSays) {
    Custody copy(first_header());
    ASSERT_TRUE(copy.on_append(0, beginning()).has_value());
    const std::vector<EntryRef> dearer{ref(activate(40)), ref(activate(61))};
    const auto taken = copy.on_append(2, dearer);
    ASSERT_FALSE(taken.has_value());
    EXPECT_EQ(taken.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(copy.state().free(kMay).value, 60) << "what stood before it is kept";
}

TEST(Custody, AcknowledgesNothingAnyMoreOnceItHasSealed) {
    Custody copy(first_header());
    ASSERT_TRUE(copy.on_append(0, beginning()).has_value());
    copy.on_synced(1);
    EXPECT_EQ(copy.seal(), 2U) << "all that it has counts";
    copy.on_synced(2);
    EXPECT_EQ(copy.acknowledged(), 1U);
    const std::vector<EntryRef> more{ref(activate(1))};
    EXPECT_EQ(copy.on_append(2, more).error().code, ErrorCode::kConflict);
    EXPECT_EQ(copy.seal(), 2U);
}

TEST(Custody, StaysSealedWhenItsProcessIsStartedAgain) {
    Custody copy(first_header());
    ASSERT_TRUE(copy.on_append(0, beginning()).has_value());
    (void)copy.seal();
    auto again = Custody::reopen(first_header(), copy.entries(), copy.sealed());
    ASSERT_TRUE(again.has_value());
    EXPECT_TRUE(again->sealed());
    const std::vector<EntryRef> more{ref(activate(1))};
    EXPECT_FALSE(again->on_append(2, more).has_value());
    copy.restart();
    EXPECT_FALSE(copy.on_append(2, more).has_value());
    const std::vector<EntryRef> damaged{ref(activate(1))};
    EXPECT_EQ(Custody::reopen(first_header(), damaged, false).error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace vidai::mesh::budget
