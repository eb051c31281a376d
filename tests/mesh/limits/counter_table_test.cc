// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/counter_table.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schema/base/rng.h"

namespace vidai::mesh::limits {
namespace {

using namespace std::chrono_literals;
using state::KeyLimits;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint32_t kMinute = 30'000'000;
constexpr WallTime kNow{std::chrono::minutes(kMinute)};

struct CounterTableTest : testing::Test {
    CounterTableTest() { table.open(0); }
    int admitted(const KeyLimits& limits, int attempts, WallTime now) {
        int count = 0;
        for (int i = 0; i < attempts; ++i) count += table.admit(0, limits, {}, now).admitted;
        return count;
    }
    CounterTable table{1'000};
    const KeyLimits ten_requests{10, {}, {}};
};

TEST_F(CounterTableTest, AdmitsExactlyTheLimit) {
    EXPECT_EQ(admitted(ten_requests, 50, kNow), 10);
    EXPECT_EQ(table.use(0, kNow).requests_own, 10u);
}

TEST_F(CounterTableTest, LetsTheMinuteSlideRatherThanStartAnew) {
    EXPECT_EQ(admitted(ten_requests, 50, kNow + 59s), 10);
    EXPECT_EQ(admitted(ten_requests, 50, kNow + 60s), 0);
    EXPECT_EQ(admitted(ten_requests, 50, kNow + 66s), 1);
    EXPECT_EQ(admitted(ten_requests, 50, kNow + 90s), 4);
    EXPECT_EQ(admitted(ten_requests, 50, kNow + 120s), 5) << "five of ten are in the last minute";
    EXPECT_EQ(admitted(ten_requests, 50, kNow + 240s), 10);
}

TEST_F(CounterTableTest, CountsWhatTheOthersSaid) {
    table.publish_known(0, LimitKind::kRequests, kMinute, 7);
    EXPECT_EQ(admitted(ten_requests, 50, kNow), 3);
    EXPECT_EQ(table.use(0, kNow).requests_known, 7u);
    table.publish_known(0, LimitKind::kRequests, kMinute, 5);
    EXPECT_EQ(admitted(ten_requests, 50, kNow), 2);
}

TEST_F(CounterTableTest, CountsWhatAPeerWithAFastClockSaidWhenItsMinuteComes) {
    table.publish_known(0, LimitKind::kRequests, kMinute + 1, 10);
    EXPECT_EQ(admitted(ten_requests, 5, kNow), 5) << "not yet";
    EXPECT_EQ(admitted(ten_requests, 50, kNow + 60s), 0);
}

TEST_F(CounterTableTest, ForgetsWhatTheOthersSaidOfOldMinutes) {
    table.publish_known(0, LimitKind::kRequests, kMinute - 4, 10);
    EXPECT_EQ(admitted(ten_requests, 50, kNow), 10);
}

// Four minutes older than the newest that a store takes, it shares its place.
TEST_F(CounterTableTest, KeepsWhatAFastClockSaidFromWhatIsLongPast) {
    table.publish_known(0, LimitKind::kRequests, kMinute + 2, 10);
    table.publish_known(0, LimitKind::kRequests, kMinute - 2, 3);
    EXPECT_EQ(admitted(ten_requests, 50, kNow + 120s), 0);
    table.publish_known(0, LimitKind::kRequests, kMinute + 6, 9);
    EXPECT_EQ(admitted(ten_requests, 50, kNow + 360s), 1);
}

TEST_F(CounterTableTest, TakesAllLimitsOrNone) {
    const KeyLimits limits{10, 100, 2};
    const Decision first = table.admit(0, limits, {1, Tokens{80}}, kNow);
    ASSERT_TRUE(first.admitted);
    const Decision second = table.admit(0, limits, {1, Tokens{30}}, kNow);
    EXPECT_FALSE(second.admitted);
    EXPECT_EQ(second.refused_by, LimitKind::kTokens);
    EXPECT_EQ(second.requests->remaining, 9u);
    EXPECT_EQ(second.tokens->remaining, 20u);
    const SlotUse use = table.use(0, kNow);
    EXPECT_EQ(use.requests_own, 1u);
    EXPECT_EQ(use.tokens_own, 80u);
    EXPECT_EQ(use.in_flight, 1u);
}

TEST_F(CounterTableTest, ReportsEveryWindowedLimitWhicheverRefused) {
    const KeyLimits limits{10, 100, 0};
    const Decision refused = table.admit(0, limits, {1, Tokens{30}}, kNow);
    EXPECT_EQ(refused.refused_by, LimitKind::kConcurrency);
    EXPECT_EQ(refused.retry_after, std::nullopt) << "nobody is ever let in";
    EXPECT_EQ(refused.requests->remaining, 10u);
    EXPECT_EQ(refused.tokens->remaining, 100u);
}

TEST_F(CounterTableTest, ReturnsTheRestOfAReserveToItsMinute) {
    const KeyLimits limits{{}, 100, {}};
    const Ticket ticket = table.admit(0, limits, {1, Tokens{90}}, kNow).ticket;
    EXPECT_FALSE(table.admit(0, limits, {1, Tokens{60}}, kNow).admitted);
    table.settle(ticket, Tokens{40}, kNow + 1s);
    EXPECT_TRUE(table.admit(0, limits, {1, Tokens{60}}, kNow + 1s).admitted);
}

TEST_F(CounterTableTest, ReturnsToNobodyWhenTheMinuteIsNoLongerCounted) {
    const KeyLimits limits{{}, 100, {}};
    const Ticket ticket = table.admit(0, limits, {1, Tokens{90}}, kNow).ticket;
    const WallTime later = kNow + 2min;
    ASSERT_TRUE(table.admit(0, limits, {1, Tokens{100}}, later).admitted);
    table.settle(ticket, Tokens{0}, later);
    EXPECT_EQ(table.use(0, later).tokens_own, 100u);
}

TEST_F(CounterTableTest, ChargesWhatExceedsAReserveToTheMinuteItIsKnownIn) {
    const KeyLimits limits{{}, 100, {}};
    const Ticket ticket = table.admit(0, limits, {1, Tokens{10}}, kNow).ticket;
    table.settle(ticket, Tokens{500}, kNow + 5min);
    EXPECT_EQ(table.use(0, kNow + 5min).tokens_own, 490u);
}

TEST_F(CounterTableTest, CountsConcurrencyUntilARequestEnds) {
    const KeyLimits limits{{}, {}, 2};
    const Ticket a = table.admit(0, limits, {}, kNow).ticket;
    const Ticket b = table.admit(0, limits, {}, kNow).ticket;
    EXPECT_EQ(table.admit(0, limits, {}, kNow).refused_by, LimitKind::kConcurrency);
    table.keep(a);
    EXPECT_TRUE(table.admit(0, limits, {}, kNow).admitted);
    table.give_back(b);
    EXPECT_EQ(table.use(0, kNow).in_flight, 1u);
}

TEST_F(CounterTableTest, ReleasesOnlyWhatWasCountedWhenLimitsChangeMeanwhile) {
    const Ticket before = table.admit(0, KeyLimits{}, {}, kNow).ticket;
    const Ticket after = table.admit(0, {5, 50, 5}, {}, kNow).ticket;
    table.settle(before, Tokens{10}, kNow);
    EXPECT_EQ(table.use(0, kNow).in_flight, 1u);
    EXPECT_EQ(table.use(0, kNow).tokens_own, 0u);
    table.settle(after, Tokens{10}, kNow);
    EXPECT_EQ(table.use(0, kNow).tokens_own, 10u);
}

TEST_F(CounterTableTest, KeepsCountingWhenTheWallClockStepsBackALittle) {
    EXPECT_EQ(admitted(ten_requests, 50, kNow + 60s), 10);
    EXPECT_EQ(admitted(ten_requests, 50, kNow + 30s), 0);
    EXPECT_EQ(admitted(ten_requests, 50, kNow - 5min), 0);
}

// Longer ago than a clock may be ahead: it has the cell of the present minute in its hands.
TEST_F(CounterTableTest, ALateReturnLeavesTheReturnsOfThePresentMinute) {
    const KeyLimits limits{{}, 100'000, {}};
    for (const auto late : {10min, 12min, 60min}) {
        const WallTime now = kNow + late;
        const Ticket old = table.admit(0, limits, {1, Tokens{90}}, kNow).ticket;
        const Ticket fresh = table.admit(0, limits, {1, Tokens{80'000}}, now).ticket;
        table.settle(fresh, Tokens{2'000}, now);
        table.settle(old, Tokens{10}, now);
        EXPECT_EQ(table.use(0, now).tokens_own, 2'000u);
        EXPECT_TRUE(table.admit(0, limits, {1, Tokens{30'000}}, now).admitted);
        table.open(0);
    }
}

TEST_F(CounterTableTest, TakesReturnsAfterTheWallClockWasSetBackFar) {
    const KeyLimits limits{{}, 100, {}};
    table.settle(table.admit(0, limits, {1, Tokens{90}}, kNow).ticket, Tokens{10}, kNow);
    const WallTime back = kNow - 60min;
    table.settle(table.admit(0, limits, {1, Tokens{90}}, back).ticket, Tokens{10}, back);
    EXPECT_EQ(table.use(0, back).tokens_own, 10u);
}

TEST_F(CounterTableTest, StartsAnewWhenTheWallClockIsSetBackFar) {
    EXPECT_EQ(admitted(ten_requests, 50, kNow), 10);
    EXPECT_EQ(admitted(ten_requests, 50, kNow - 1h), 10);
    EXPECT_EQ(admitted(ten_requests, 50, kNow - 1h), 0);
}

TEST_F(CounterTableTest, HoldsLimitsAsGreatAsItCountsToTheirBound) {
    const KeyLimits limits{{}, ~std::uint64_t{0}, {}};
    const auto most = static_cast<std::int64_t>(kCountMax);
    EXPECT_TRUE(table.admit(0, limits, {1, Tokens{most}}, kNow).admitted);
    EXPECT_FALSE(table.admit(0, limits, {1, Tokens{1}}, kNow).admitted);
}

TEST_F(CounterTableTest, TellsWhichSlotsChangedOnce) {
    table.open(700);
    std::vector<Slot> changed;
    table.take_changed(changed);
    EXPECT_THAT(changed, IsEmpty());
    EXPECT_TRUE(table.admit(700, ten_requests, {}, kNow).admitted);
    EXPECT_TRUE(table.admit(700, ten_requests, {}, kNow).admitted);
    table.add_spend(0, MicroUsd{5});
    table.take_changed(changed);
    EXPECT_THAT(changed, ElementsAre(0u, 700u));
    changed.clear();
    table.take_changed(changed);
    EXPECT_THAT(changed, IsEmpty());
}

TEST_F(CounterTableTest, ShowsTheMeshWhatItChargedAndReturned) {
    const KeyLimits limits{{}, 100, {}};
    const Ticket ticket = table.admit(0, limits, {1, Tokens{90}}, kNow).ticket;
    table.settle(ticket, Tokens{40}, kNow);
    const auto cells = table.own(0, LimitKind::kTokens, kNow + 60s);
    EXPECT_EQ(cells[kMinute % 2].window, kMinute);
    EXPECT_EQ(cells[kMinute % 2].charged, 90u);
    EXPECT_EQ(cells[kMinute % 2].returned, 50u);
    EXPECT_EQ(cells[(kMinute + 1) % 2].charged, 0u);
}

TEST_F(CounterTableTest, RemembersTheMostThatARequestUsedBeyondWhatItReserved) {
    const KeyLimits limits{{}, 1'000, {}};
    for (const std::int64_t used : {40, 130, 110}) {
        table.settle(table.admit(0, limits, {1, Tokens{100}}, kNow).ticket, Tokens{used}, kNow);
    }
    EXPECT_EQ(table.use(0, kNow).overrun_max, 30u);
}

TEST_F(CounterTableTest, StartsAReusedSlotFromNothing) {
    EXPECT_EQ(admitted({10, {}, 20}, 10, kNow), 10);
    table.add_spend(0, MicroUsd{5});
    table.publish_known(0, LimitKind::kRequests, kMinute, 7);
    table.open(0);
    const SlotUse use = table.use(0, kNow);
    EXPECT_EQ(use.requests_own + use.requests_known + use.in_flight, 0u);
    EXPECT_EQ(use.spend_own.value, 0);
}

TEST(CounterTable, RefusesASlotThatWasNeverOpened) {
    CounterTable table(1'000);
    EXPECT_DEATH(table.use(300, kNow), "never opened");
    EXPECT_DEATH(table.use(1'000, kNow), "never opened");
}

// Many workers race for the last places, across several turns of the minute: each minute's cell
// must hold what was admitted in it and never more than the limit. A worker may be up to three
// turns behind, as one whose clock was read late.
TEST(CounterTableThreads, NeverAdmitTooManyAtTheTurnOfAMinute) {
    constexpr std::size_t kWorkers = 4;
    constexpr int kTurns = 200, kBehindMax = 2;
    constexpr std::uint32_t kLimit = 50;
    CounterTable table(16);
    table.open(0);
    const KeyLimits limits{kLimit, {}, {}};
    std::atomic<int> turn{0};
    std::array<std::atomic<int>, kWorkers> working_on{};
    std::array<std::atomic<std::uint32_t>, kTurns> admitted{};
    std::vector<std::jthread> workers;
    for (std::size_t w = 0; w < kWorkers; ++w) {
        workers.emplace_back([&, w] {
            for (int mine = 0; mine < kTurns; mine = turn.load()) {
                working_on[w] = mine;
                // The last millisecond of every second minute: the previous one holds nothing.
                const WallTime now = kNow + std::chrono::minutes(2 * mine) + 59'999ms;
                const Decision decision = table.admit(0, limits, {}, now);
                if (decision.admitted) {
                    ++admitted[(decision.ticket.taken[0].window - kMinute) / 2];
                } else if (std::ranges::all_of(working_on, [&](const std::atomic<int>& other) {
                               return other >= mine - kBehindMax;
                           })) {
                    int expected = mine;
                    turn.compare_exchange_strong(expected, mine + 1);
                }
            }
            working_on[w] = kTurns;
        });
    }
    workers.clear();
    for (const auto& count : admitted) EXPECT_EQ(count.load(), kLimit);
}

TEST(CounterTableThreads, AccountForEveryChargeReturnAndRelease) {
    constexpr int kWorkers = 4, kRounds = 5'000;
    CounterTable table(16);
    table.open(3);
    const KeyLimits limits{1'000'000, 1'000'000'000, 3};
    std::atomic<std::uint64_t> used{0}, admitted{0};
    std::atomic<int> running{kWorkers};
    std::vector<std::jthread> workers;
    for (int w = 0; w < kWorkers; ++w) {
        workers.emplace_back([&, w] {
            Rng rng(static_cast<std::uint64_t>(w));
            for (int i = 0; i < kRounds; ++i) {
                const Decision decision = table.admit(3, limits, {1, Tokens{100}}, kNow);
                if (!decision.admitted) continue;
                const std::uint64_t way = rng.below(3);
                const auto tokens = static_cast<std::int64_t>(rng.below(200));
                if (way == 0) table.give_back(decision.ticket);
                if (way == 1) table.keep(decision.ticket);
                if (way == 2) table.settle(decision.ticket, Tokens{tokens}, kNow);
                if (way != 0) ++admitted;
                used += way == 0 ? 0 : way == 1 ? 100 : static_cast<std::uint64_t>(tokens);
                table.add_spend(3, MicroUsd{1});
            }
            --running;
        });
    }
    // Meanwhile the mesh thread publishes, reads and is told of every change.
    std::uint64_t charged = 0;
    std::vector<Slot> changed;
    for (bool last = false; !last;) {
        last = running == 0;
        table.publish_known(3, LimitKind::kRequests, kMinute, 5);
        changed.clear();
        table.take_changed(changed);
        if (!changed.empty()) charged = table.own(3, LimitKind::kRequests, kNow)[0].charged;
    }
    workers.clear();
    const SlotUse use = table.use(3, kNow);
    EXPECT_EQ(use.in_flight, 0u);
    EXPECT_EQ(use.requests_own, admitted.load());
    EXPECT_EQ(use.tokens_own, used.load());
    EXPECT_EQ(charged, table.own(3, LimitKind::kRequests, kNow)[0].charged) << "a change was lost";
}

}  // namespace
}  // namespace vidai::mesh::limits
