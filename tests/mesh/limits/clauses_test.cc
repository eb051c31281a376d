// SPDX-License-Identifier: Apache-2.0
// Several limits at once, each with a window of its own: CounterTable::admit() by clauses.
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mesh/limits/counter_table.h"

namespace vidai::mesh::limits {
namespace {

using namespace std::chrono_literals;
using testing::UnorderedElementsAre;

constexpr WallTime kNow{std::chrono::hours(24 * 20'000)};  // a day, an hour and a minute begin
constexpr Slot kKey = 0, kMinutely = 1, kHourly = 2, kDaily = 3, kSecondly = 4;

Clause requests(Slot slot, std::uint64_t limit) {
    return {slot, LimitKind::kRequests, false, false, limit, 0};
}
Clause tokens(Slot slot, std::uint64_t limit) {
    return {slot, LimitKind::kTokens, false, false, limit, 0};
}
Clause concurrency(Slot slot, std::uint64_t limit) {
    return {slot, LimitKind::kConcurrency, false, false, limit, 0};
}

struct ClausesTest : testing::Test {
    ClausesTest() {
        table.open(kKey);
        table.open(kMinutely);
        table.open(kHourly, 3'600);
        table.open(kDaily, kSpanMaxS);
        table.open(kSecondly, 1);
    }
    Decision ask(std::vector<Clause> clauses, WallTime now = kNow, std::int64_t cost = 0) {
        return table.admit(kKey, clauses, {1, Tokens{cost}}, now);
    }
    int admitted(const std::vector<Clause>& clauses, int attempts, WallTime now = kNow) {
        int count = 0;
        for (int i = 0; i < attempts; ++i) count += ask(clauses, now).admitted;
        return count;
    }
    std::uint64_t used(Slot slot, WallTime now = kNow) { return table.use(slot, now).requests_own; }
    CounterTable table{1'000};
};

TEST_F(ClausesTest, TakeFromEveryLimitOrFromNone) {
    const std::vector<Clause> all{requests(kKey, 100), requests(kMinutely, 50),
                                  requests(kHourly, 7), tokens(kDaily, 1'000)};
    EXPECT_EQ(admitted(all, 20), 7);
    EXPECT_EQ(used(kKey), 7u);
    EXPECT_EQ(used(kMinutely), 7u);
    EXPECT_EQ(used(kHourly), 7u);
    const Decision refused = ask(all);
    EXPECT_EQ(refused.clause, 2u);
    EXPECT_EQ(refused.refused_by, LimitKind::kRequests);
    EXPECT_TRUE(refused.ticket.all().empty());
    EXPECT_EQ(ask({requests(kKey, 100), tokens(kDaily, 1'000)}, kNow, 1'001).retry_after,
              std::nullopt);
    EXPECT_EQ(used(kKey), 7u);
}

TEST_F(ClausesTest, GiveBackToEveryLimitWhatItTook) {
    const std::vector<Clause> all{concurrency(kKey, 1), requests(kMinutely, 5), tokens(kDaily, 100),
                                  tokens(kHourly, 100)};
    const Decision first = ask(all, kNow, 60);
    ASSERT_TRUE(first.admitted);
    EXPECT_EQ(ask(all, kNow, 10).refused_by, LimitKind::kConcurrency);
    table.settle(first.ticket, Tokens{20}, kNow);
    EXPECT_EQ(table.use(kDaily, kNow).tokens_own, 20u);
    EXPECT_EQ(table.use(kHourly, kNow).tokens_own, 20u);
    const Decision second = ask(all, kNow, 30);
    ASSERT_TRUE(second.admitted);
    table.give_back(second.ticket);
    EXPECT_EQ(table.use(kDaily, kNow).tokens_own, 20u);
    EXPECT_EQ(used(kMinutely), 1u);
    EXPECT_EQ(table.use(kKey, kNow).in_flight, 0u);
}

TEST_F(ClausesTest, TellTheTightestLimitOfAKindAndTheLongestWait) {
    const std::vector<Clause> all{requests(kKey, 100), requests(kHourly, 10),
                                  requests(kMinutely, 10)};
    const Decision first = ask(all);
    EXPECT_EQ(first.requests->limit, 10u);
    EXPECT_EQ(first.requests->remaining, 9u);
    EXPECT_EQ(first.tokens, std::nullopt);
    EXPECT_EQ(admitted(all, 9), 9);
    const Decision refused = ask(all, kNow + 30s);
    EXPECT_EQ(refused.clause, 1u);
    EXPECT_EQ(refused.requests->remaining, 0u);
    EXPECT_GE(*refused.retry_after, 59min) << "a minute's wait would be in vain";
}

TEST_F(ClausesTest, CountInWindowsOfTheirOwnLength) {
    EXPECT_EQ(admitted({requests(kSecondly, 5)}, 9), 5);
    EXPECT_EQ(admitted({requests(kSecondly, 5)}, 9, kNow + 1'500ms), 2) << "it slides";
    EXPECT_EQ(admitted({requests(kSecondly, 5)}, 9, kNow + 4s), 5);
    EXPECT_EQ(admitted({requests(kDaily, 10)}, 20, kNow + 1h), 10);
    EXPECT_EQ(admitted({requests(kDaily, 10)}, 20, kNow + 23h), 0);
    EXPECT_EQ(admitted({requests(kDaily, 10)}, 20, kNow + 36h), 5);
    EXPECT_EQ(admitted({requests(kDaily, 10)}, 20, kNow + 24h * 4), 10);
}

TEST_F(ClausesTest, OfAFixedWindowForgetThePreviousOneAtOnce) {
    Clause fixed = requests(kHourly, 10);
    fixed.fixed = true;
    EXPECT_EQ(admitted({fixed}, 20, kNow + 59min), 10);
    EXPECT_EQ(*ask({fixed}, kNow + 59min).retry_after, 1min);
    EXPECT_EQ(admitted({fixed}, 20, kNow + 1h), 10);
}

TEST_F(ClausesTest, CountInFlightWhatOthersHaveOpen) {
    table.publish_known(kMinutely, LimitKind::kConcurrency, 0, 3);
    const std::vector<Clause> five{concurrency(kMinutely, 5)};
    const Decision first = ask(five);
    EXPECT_TRUE(first.admitted);
    EXPECT_EQ(admitted(five, 5), 1);
    table.publish_known(kMinutely, LimitKind::kConcurrency, 0, 0);
    EXPECT_EQ(admitted(five, 5), 3);
    table.keep(first.ticket);
    EXPECT_EQ(admitted(five, 5), 1);
    EXPECT_EQ(table.own(kMinutely, LimitKind::kConcurrency, kNow)[0].charged, 6u);
    EXPECT_EQ(table.own(kMinutely, LimitKind::kConcurrency, kNow)[0].returned, 1u);
}

TEST_F(ClausesTest, LetABurstThroughAndThenAnEvenPace) {
    Clause smooth = requests(kMinutely, 60);
    smooth.burst = 10;
    EXPECT_EQ(admitted({smooth}, 30), 10);
    const Decision refused = ask({smooth});
    EXPECT_TRUE(refused.too_fast);
    EXPECT_EQ(*refused.retry_after, 1s);
    EXPECT_EQ(admitted({smooth}, 30, kNow + 999ms), 0);
    EXPECT_EQ(admitted({smooth}, 30, kNow + 1s), 1);
    EXPECT_EQ(admitted({smooth}, 30, kNow + 6s), 5);
    EXPECT_EQ(admitted({smooth}, 30, kNow - 1h), 10) << "a clock that was set back waits for none";
}

TEST_F(ClausesTest, TakeNothingOfABurstThatAnotherLimitRefuses) {
    Clause smooth = requests(kMinutely, 60);
    smooth.burst = 4;
    EXPECT_EQ(admitted({smooth, requests(kHourly, 2)}, 10), 2);
    EXPECT_EQ(admitted({smooth}, 10), 2);
    const Clause narrow{kDaily, LimitKind::kTokens, false, false, 1'000, 20};
    EXPECT_EQ(ask({narrow}, kNow, 21).retry_after, std::nullopt) << "it will never fit";
    EXPECT_TRUE(ask({narrow}, kNow, 20).admitted);
}

TEST_F(ClausesTest, OfAFairShareAllowWhatThisSideOfASplitMaySpend) {
    Clause shared = requests(kMinutely, 10);
    shared.fair_share = true;
    table.set_share(2, 3);
    EXPECT_EQ(admitted({shared}, 20), 6);
    EXPECT_EQ(ask({shared}).requests->limit, 6u);
    EXPECT_EQ(admitted({requests(kMinutely, 10)}, 20), 4) << "other modes do not ask";
    table.set_share(3, 3);
    table.publish_known(kHourly, LimitKind::kRequests, window_at(kNow, 3'600).window, 1);
    shared.slot = kHourly;
    EXPECT_EQ(admitted({shared}, 20), 9);
}

TEST_F(ClausesTest, MarkEveryCounterThatTheyChange) {
    ask({requests(kKey, 9), concurrency(kHourly, 9), tokens(kDaily, 100)}, kNow, 5);
    std::vector<Slot> changed;
    table.take_changed(changed);
    EXPECT_THAT(changed, UnorderedElementsAre(kKey, kHourly, kDaily));
}

TEST(ClausesThreads, NeverTakeMoreThanTheTightestAllowsNorLeaveAnythingBehind) {
    constexpr int kWorkers = 4, kAttempts = 4'000;
    constexpr std::uint64_t kTight = 1'000;
    CounterTable table(16);
    for (Slot slot = 0; slot < 4; ++slot) table.open(slot, slot == 2 ? 3'600 : kMinuteS);
    const std::array<Clause, 4> all{requests(0, 100'000), tokens(1, 1'000'000), requests(2, kTight),
                                    concurrency(3, 100)};
    std::atomic<std::uint64_t> admitted{0};
    std::vector<std::jthread> workers;
    for (int w = 0; w < kWorkers; ++w) {
        workers.emplace_back([&] {
            for (int i = 0; i < kAttempts; ++i) {
                const Decision decision = table.admit(0, all, {1, Tokens{10}}, kNow);
                if (!decision.admitted) continue;
                ++admitted;
                table.settle(decision.ticket, Tokens{4}, kNow);
            }
        });
    }
    workers.clear();
    EXPECT_EQ(admitted.load(), kTight);
    EXPECT_EQ(table.use(0, kNow).requests_own, kTight);
    EXPECT_EQ(table.use(1, kNow).tokens_own, 4 * kTight);
    EXPECT_EQ(table.use(3, kNow).in_flight, 0u);
}

}  // namespace
}  // namespace vidai::mesh::limits
