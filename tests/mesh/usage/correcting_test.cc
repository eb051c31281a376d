// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/correcting.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "mesh/usage/report.h"
#include "tests/mesh/usage/events.h"

namespace vidai::mesh::usage {
namespace {

Event call(std::uint64_t number, std::int64_t cost) {
    Event event = some_event(number);
    event.cost = {cost};
    return event;
}
// Each call costs so much.
Judge all_cost(std::int64_t cost) {
    return [cost](const Event&) { return Worth{.cost = {cost}, .price_from = at_ms(900)}; };
}

// A node's record, corrected over and over.
struct Record {
    std::vector<Event> events;

    Corrected correct(const Judge& judge, WallTime since = WallTime::min(),
                      WallTime until = WallTime::max()) {
        Correcting correcting(judge, since, until);
        for (const Event& event : events) correcting.look(event);
        for (const Event& event : events) correcting.correct(event);
        for (Event& made : correcting.take()) {
            made.number = events.back().number + 1;
            events.push_back(std::move(made));
        }
        return correcting.sums();
    }
    Sums sums() const {
        Report report(Query{});
        for (const Event& event : events) report.add(seal::PublicKey{{1}}, event);
        return report.sheet().total;
    }
};

TEST(Correcting, AddsWhatIsMissingAndDoesNothingTheNextTime) {
    Record record{{call(1, 10), call(2, 50), call(3, 30)}};
    const Corrected first = record.correct(all_cost(30));
    EXPECT_EQ(first.looked, 3U);
    EXPECT_EQ(first.corrected, 2U);
    EXPECT_EQ(first.before.value, 90);
    EXPECT_EQ(first.after.value, 90);
    ASSERT_EQ(record.events.size(), 5U);
    EXPECT_EQ(record.events[3].adjusts, 1U);
    EXPECT_EQ(record.events[3].cost.value, 20);
    EXPECT_EQ(record.events[4].cost.value, -20);
    EXPECT_EQ(record.events[4].tokens, TokensByKind{});
    EXPECT_EQ(record.events[4].charged, MicroUsd{});
    EXPECT_EQ(record.events[4].request, record.events[1].request);
    EXPECT_EQ(record.events[4].time, record.events[1].time);

    EXPECT_EQ(record.correct(all_cost(30)).corrected, 0U) << "twice";
    EXPECT_EQ(record.correct(all_cost(31)).corrected, 3U) << "by a later price";
    const Sums sums = record.sums();
    EXPECT_EQ(sums.events, 3U) << "a correction is no call";
    EXPECT_EQ(sums.cost.value, 93);
    EXPECT_EQ(sums.adjusted.value, 3);
    EXPECT_EQ(sums.charged.value, 150) << "budgets were charged what they were";
    EXPECT_EQ(sums.tokens.input.value, 3);
}

TEST(Correcting, PricesWhatHadNoPriceOnce) {
    Record record{{call(1, 0), call(2, 0)}};
    for (Event& event : record.events) event.priced = false;
    EXPECT_EQ(record.correct([](const Event&) { return std::nullopt; }).unpriced, 2U);
    EXPECT_EQ(record.sums().unpriced - record.sums().priced_since, 2U);
    EXPECT_EQ(record.correct(all_cost(0)).corrected, 2U) << "that it is free is news";
    EXPECT_EQ(record.correct(all_cost(0)).corrected, 0U);
    EXPECT_EQ(record.correct(all_cost(7)).corrected, 2U);
    EXPECT_EQ(record.sums().unpriced, record.sums().priced_since);
    EXPECT_EQ(record.sums().cost.value, 14);
}

TEST(Correcting, LeavesWhatIsOfAnotherTime) {
    Record record{{call(1, 10), call(2, 10)}};
    record.events[1].time = at_ms(2'000);
    EXPECT_EQ(record.correct(all_cost(5), at_ms(2'000)).corrected, 1U);
    EXPECT_EQ(record.events.back().adjusts, 2U);
    EXPECT_EQ(record.correct(all_cost(5), WallTime::min(), at_ms(2'000)).corrected, 1U);
}

TEST(Correcting, LeavesToNoPriceWhatAProviderBilled) {
    Record record{{call(1, 10), call(2, 10)}};
    EXPECT_EQ(record.correct(by_bills({{1, {25}}})).corrected, 1U);
    const Corrected healed = record.correct(all_cost(12));
    EXPECT_EQ(healed.corrected, 1U);
    EXPECT_EQ(healed.billed, 1U);
    EXPECT_EQ(record.sums().cost.value, 25 + 12);
    EXPECT_EQ(record.correct(by_bills({{1, {20}}})).corrected, 1U) << "another bill";
    EXPECT_EQ(record.sums().cost.value, 20 + 12);
}

TEST(Correcting, MarksWhatIsByACeilingAsEstimated) {
    Record record{{call(1, 0)}};
    record.events[0].priced = false;
    (void)record.correct([](const Event&) { return Worth{.cost = {90}, .ceiling = true}; });
    EXPECT_EQ(record.sums().estimated.value, 90);
    (void)record.correct(all_cost(9));
    EXPECT_EQ(record.sums().cost.value, 9);
}

TEST(Correcting, DoesSoManyAtATimeAndTheRestTheNextTime) {
    Record record;
    for (std::uint64_t i = 1; i <= kCorrectedMax + 5; ++i) record.events.push_back(call(i, 1));
    const Corrected first = record.correct(all_cost(2));
    EXPECT_TRUE(first.more);
    EXPECT_EQ(first.corrected, kCorrectedMax);
    const Corrected second = record.correct(all_cost(2));
    EXPECT_FALSE(second.more);
    EXPECT_EQ(second.corrected, 5U);
    EXPECT_EQ(second.after.value, second.before.value + 5);
}

TEST(Correcting, TellsOfSoManyModelsAndSumsTheOthers) {
    Record record;
    for (std::uint64_t i = 1; i <= kCorrectedRowsMax + 9; ++i) {
        record.events.push_back(call(i, 1));
        record.events.back().callee.target = "m" + std::to_string(i);
    }
    const Corrected done = record.correct(all_cost(2));
    EXPECT_LE(done.rows.size(), kCorrectedRowsMax + 1);
    std::uint64_t sum = 0;
    for (const auto& [key, row] : done.rows) sum += row.corrected;
    EXPECT_EQ(sum, kCorrectedRowsMax + 9);
}

}  // namespace
}  // namespace vidai::mesh::usage
