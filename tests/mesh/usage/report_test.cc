// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/report.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/mesh/usage/events.h"

namespace vidai::mesh::usage {
namespace {

constexpr seal::PublicKey kOne{{1}};
constexpr seal::PublicKey kTwo{{2}};

TEST(Report, CountsAnEventOnceWhateverCopyItComesFrom) {
    Report report(Query{});
    EXPECT_TRUE(report.add(kOne, some_event(1)));
    EXPECT_FALSE(report.add(kOne, some_event(1)));
    EXPECT_TRUE(report.add(kTwo, some_event(1))) << "another node's first one";
    EXPECT_EQ(report.sheet().total.events, 2U);
    EXPECT_EQ(report.sheet().total.cost.value, 84);
    EXPECT_EQ(report.sheet().total.charged.value, 100);
    EXPECT_EQ(report.sheet().total.tokens.audio_output.value, 14);
}

TEST(Report, GroupsByTheFieldsInTheirOrder) {
    Report report(Query{.by = {Field::kModel, Field::kTeam}});
    Event other = some_event(2);
    other.caller.team = "red";
    report.add(kOne, some_event(1));
    report.add(kOne, other);
    report.add(kOne, some_event(3));
    ASSERT_EQ(report.sheet().rows.size(), 2U);
    EXPECT_EQ(report.sheet().rows.at({"m1", "blue"}).events, 2U);
    EXPECT_EQ(report.sheet().rows.at({"m1", "red"}).cost.value, 42);
}

TEST(Report, TakesSinceAndLeavesUntil) {
    Report report(Query{.by = {}, .since = at_ms(1'000), .until = at_ms(2'000)});
    Event event = some_event(1);
    event.time = at_ms(999);
    EXPECT_FALSE(report.add(kOne, event));
    event.time = at_ms(2'000);
    EXPECT_FALSE(report.add(kOne, event));
    event.time = at_ms(1'000);
    EXPECT_TRUE(report.add(kOne, event)) << "outside the time it was not seen either";
}

TEST(Report, TellsWhatWasEstimatedAndWhatHadNoPrice) {
    Report report(Query{});
    Event estimated = some_event(1);
    estimated.estimated = true;
    Event unpriced = some_event(2);
    unpriced.priced = false;
    report.add(kOne, estimated);
    report.add(kOne, unpriced);
    report.add(kOne, some_event(3));
    EXPECT_EQ(report.sheet().total.cost.value, 84);
    EXPECT_EQ(report.sheet().total.estimated.value, 42);
    EXPECT_EQ(report.sheet().total.unpriced, 1U);
    EXPECT_EQ(report.sheet().total.tokens.input.value, 3);
}

TEST(Report, BeyondItsRowsKeepsTheTotal) {
    Report report(Query{.by = {Field::kKey}});
    for (std::size_t i = 1; i <= kGroupsMax + 5; ++i) {
        Event event = some_event(i);
        event.caller.key = KeyId(std::to_string(i));
        report.add(kOne, event);
    }
    EXPECT_EQ(report.sheet().rows.size(), kGroupsMax);
    EXPECT_EQ(report.sheet().others.events, 5U);
    EXPECT_EQ(report.sheet().total.events, kGroupsMax + 5);
}

TEST(Report, StopsAtTheGreatestSum) {
    Sums sums;
    sums.cost = {std::numeric_limits<std::int64_t>::max() - 1};
    sums.add(some_event(1));
    EXPECT_EQ(sums.cost.value, std::numeric_limits<std::int64_t>::max());
}

TEST(Sheet, AddsAnotherRowByRow) {
    Sums one;
    one.add(some_event(1));
    Sheet mine, theirs;
    mine.add({"blue"}, one);
    theirs.add({"blue"}, one);
    theirs.add({"red"}, one);
    theirs.others = theirs.total;  // what another had no room for
    mine.add(theirs);
    ASSERT_EQ(mine.rows.size(), 2U);
    EXPECT_EQ(mine.rows.at({"blue"}).events, 2U);
    EXPECT_EQ(mine.rows.at({"blue"}).tokens.audio_output.value, 14);
    EXPECT_EQ(mine.rows.at({"red"}).cost.value, 42);
    EXPECT_EQ(mine.others.events, 2U);
    EXPECT_EQ(mine.total.events, 3U);
    EXPECT_EQ(mine.total.charged.value, 150);
}

TEST(Fields, AreReadByTheirNames) {
    const auto fields = parse_fields("team,model");
    ASSERT_TRUE(fields);
    EXPECT_EQ(*fields, (std::vector{Field::kTeam, Field::kModel}));
    EXPECT_TRUE(parse_fields("")->empty());
    for (std::size_t i = 0; i < kFields; ++i) {
        const auto field = static_cast<Field>(i);
        EXPECT_EQ(parse_fields(to_text(field)), std::vector{field});
    }
    EXPECT_EQ(to_text(*fields), "team,model");
    EXPECT_EQ(to_text(std::vector<Field>{}), "");
    for (const char* bad : {"teams", "team,", ",team", "team,team", ",", "Team"}) {
        EXPECT_FALSE(parse_fields(bad)) << bad;
    }
}

}  // namespace
}  // namespace vidai::mesh::usage
