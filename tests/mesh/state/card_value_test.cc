// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/card_value.h"

#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "mesh/state/card_shelf.h"

namespace vidai::mesh::state {
namespace {

CardRecord card(std::uint32_t version, std::uint64_t stamp, const char* node = "n1") {
    return {version, "prices of " + std::to_string(version), "ann", NodeId(node), stamp};
}
Statement statement_of(const CardRecord& record) {
    return {RegisterKind::kCard, card_place(record.version), false, Hlc{record.stamp},
            NodeId("other"),     encode_card(record)};
}

TEST(CardValue, ReadsBackWhatWasWritten) {
    for (const CardRecord& record : {card(1, 5), CardRecord{17, "", "", NodeId("n2"), 9}}) {
        EXPECT_EQ(*decode_card(statement_of(record)), record);
    }
}

TEST(CardValue, IsRefusedWhenItMakesNoSense) {
    const Statement good = statement_of(card(2, 5));
    const std::function<void(Statement&)> wrong[] = {
        [](Statement& s) { s.kind = RegisterKind::kLimit; },
        [](Statement& s) { s.retired = true; },
        [](Statement& s) { s.id = card_place(3); },
        [](Statement& s) { s.time = Hlc{4}; },  // older than what it says
        [](Statement& s) { s.value.resize(s.value.size() / 2); },
        [](Statement& s) { s.value.clear(); },
    };
    for (const auto& change : wrong) {
        Statement bad = good;
        change(bad);
        EXPECT_FALSE(decode_card(bad).has_value());
    }
}

TEST(CardShelf, HasTheLatestInForceWhateverTheOrderTheyCameIn) {
    CardShelf shelf;
    EXPECT_EQ(shelf.in_force(), nullptr);
    EXPECT_EQ(shelf.next_version(), 1U);
    shelf.put(card(2, 20));
    shelf.put(card(1, 10));
    ASSERT_NE(shelf.in_force(), nullptr);
    EXPECT_EQ(shelf.in_force()->version, 2U);
    // Applied on the other side of a split, later.
    shelf.put(card(1, 30, "n2"));
    EXPECT_EQ(shelf.in_force()->node.str(), "n2");
    EXPECT_EQ(shelf.next_version(), 3U);
}

TEST(CardShelf, KeepsSoManyAndWritesOverTheOldest) {
    CardShelf shelf;
    for (std::uint32_t i = 0; i < 3 * kCardsKept; ++i) {
        shelf.put(card(shelf.next_version(), 100 + i));
    }
    EXPECT_EQ(shelf.all().size(), kCardsKept);
    EXPECT_EQ(shelf.all().front()->version, 3 * kCardsKept);
    EXPECT_EQ(shelf.all().back()->version, 2 * kCardsKept + 1);
}

TEST(CardShelf, BeginsAnewWhereSomebodyHasSaidTheLastNumber) {
    CardShelf shelf;
    shelf.put(card(UINT32_MAX, 1));
    EXPECT_EQ(shelf.next_version(), 1U);
}

}  // namespace
}  // namespace vidai::mesh::state
