// SPDX-License-Identifier: Apache-2.0
// What a CounterStore does with windows that are not minutes, and with what is in flight.
#include <algorithm>
#include <set>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mesh/limits/counter_store.h"
#include "schema/base/rng.h"

namespace vidai::mesh::limits {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr WallTime kWall{std::chrono::hours(24 * 20'000)};
constexpr std::uint32_t kMinute = 24 * 60 * 20'000;
constexpr MonoTime kMono{1h};
const KeyId kHourly("aaaaaaaaaaaa"), kSecondly("bbbbbbbbbbbb"), kOpen("cccccccccccc");

struct Peer {
    explicit Peer(const char* name, std::uint64_t generation = 1)
        : store(table, NodeId(name), Generation{generation}) {
        hourly = *store.bind(kHourly, LimitKind::kRequests, 1'000, 3'600);
        secondly = *store.bind(kSecondly, LimitKind::kTokens, 1'000, 1);
        open = *store.bind(kOpen, LimitKind::kConcurrency, 100, kMinuteS);
    }
    Ticket take(Slot slot, LimitKind kind, std::int64_t tokens = 0, WallTime wall = kWall) {
        const Clause clause{slot, kind, false, false, 1'000, 0};
        const Decision decision =
            table.admit(slot, std::span(&clause, 1), {1, Tokens{tokens}}, wall);
        EXPECT_TRUE(decision.admitted);
        return decision.ticket;
    }
    CellBatch changes(WallTime wall = kWall) { return store.collect(kMono, wall, 2, true); }
    MergeCount hear(const CellBatch& batch, WallTime wall = kWall) {
        return store.merge(batch, kMono, wall);
    }
    std::uint64_t in_flight() { return table.use(open, kWall).in_flight_known; }
    CounterTable table{64};
    CounterStore store;
    Slot hourly = 0, secondly = 0, open = 0;
};

CellBatch in_flight(const char* node, std::uint64_t opened, std::uint64_t closed,
                    std::uint64_t generation = 1) {
    return {
        NodeId(node), Generation{generation}, {{kOpen, CellKind::kConcurrency, 0, opened, closed}}};
}
CellBatch seconds(std::vector<std::uint32_t> windows) {
    CellBatch batch{NodeId("b"), Generation{1}, {}};
    for (const std::uint32_t window : windows) {
        batch.cells.push_back({kSecondly, CellKind::kTokens, window, window % 100 + 1, 0, 1});
    }
    return batch;
}

TEST(CounterSpans, ReachPeersAndCountThereInTheirOwnWindow) {
    Peer a("a"), b("b");
    (void)a.take(a.hourly, LimitKind::kRequests);
    (void)a.take(a.secondly, LimitKind::kTokens, 30);
    const CellBatch batch = a.changes();
    EXPECT_EQ(b.hear(batch).applied, 2u);
    EXPECT_EQ(b.table.use(b.hourly, kWall + 59min).requests_known, 1u);
    EXPECT_EQ(b.table.use(b.secondly, kWall).tokens_known, 30u);
    EXPECT_EQ(b.table.use(b.secondly, kWall + 1'500ms).tokens_known, 15u);
    EXPECT_EQ(b.table.use(b.secondly, kWall + 3s).tokens_known, 0u);
    EXPECT_TRUE(std::ranges::none_of(batch.cells, is_plain)) << "an older program knows neither";
}

TEST(CounterSpans, AreTakenWhileTheyWeighAndForgottenWhenTheyDoNot) {
    Peer b("b");
    const auto hour = [](std::uint32_t window) {
        return CellBatch{
            NodeId("a"), Generation{1}, {{kHourly, CellKind::kRequests, window, 5, 0, 3'600}}};
    };
    const std::uint32_t now = 24 * 20'000;
    EXPECT_EQ(b.hear(hour(now - 1)).applied, 1u);
    EXPECT_EQ(b.hear(hour(now - 3)).refused, 1u);
    EXPECT_EQ(b.hear(hour(now + 1)).refused, 1u) << "an hour ahead is no clock's error";
    EXPECT_EQ(b.hear(hour(now + 1), kWall + 58min).applied, 1u);
    b.store.tick(kMono, kWall + 61min);
    EXPECT_EQ(b.store.cell_count(), 1u) << "the one before the previous one has faded";
    b.store.tick(kMono, kWall + 4h);
    EXPECT_EQ(b.store.cell_count(), 0u);
}

TEST(CounterSpans, OfSecondsAreFewHoweverManyAreTold) {
    std::set<std::uint64_t> outcomes;
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        Peer a("a");
        Rng rng(seed);
        std::vector<std::uint32_t> windows;
        for (std::uint32_t i = 0; i < 60; ++i) windows.push_back(kMinute * 60 - 59 + i);
        for (std::size_t i = windows.size(); i > 1; --i) {
            std::swap(windows[i - 1], windows[rng.below(i)]);
        }
        for (const std::uint32_t window : windows) {
            EXPECT_EQ(a.hear(seconds({window})).refused, 0u);
        }
        EXPECT_EQ(a.store.cell_count(), 5u);
        outcomes.insert(a.table.use(a.secondly, kWall).tokens_known);
    }
    EXPECT_EQ(outcomes.size(), 1u) << "the order of arrival must not matter";
}

TEST(CounterSpans, AreToldInPagesToWhoHasMissedThem) {
    Peer a("a"), b("b");
    (void)a.take(a.hourly, LimitKind::kRequests);
    (void)a.take(a.open, LimitKind::kConcurrency);
    (void)a.changes();  // lost
    CellPull pull = b.store.question(kWall, std::nullopt, 100);
    pull.cells_max = 100;
    const CellPage page = a.store.page(pull);
    ASSERT_EQ(page.batches.size(), 1u);
    EXPECT_TRUE(page.batches[0].whole);
    EXPECT_EQ(b.hear(page.batches[0]).applied, 2u);
    EXPECT_EQ(b.table.use(b.hourly, kWall).requests_known, 1u);
    EXPECT_EQ(b.in_flight(), 1u);

    Peer c("c");  // and by whoever heard them
    pull = c.store.question(kWall, std::nullopt, 100);
    pull.cells_max = 100;
    for (const CellBatch& batch : b.store.page(pull).batches) {
        c.store.merge(batch, NodeId("b"), kMono, kWall, CounterStore::Said::kAnswered);
    }
    EXPECT_EQ(c.table.use(c.hourly, kWall).requests_known, 1u);
    EXPECT_EQ(c.in_flight(), 1u);
}

TEST(CountersInFlight, AreSummedOverThoseWhoLive) {
    Peer a("a"), b("b");
    const Ticket first = a.take(a.open, LimitKind::kConcurrency);
    (void)a.take(a.open, LimitKind::kConcurrency);
    b.hear(a.changes());
    b.hear(in_flight("c", 10, 7));
    EXPECT_EQ(b.in_flight(), 5u);
    a.table.keep(first);
    b.hear(a.changes());
    EXPECT_EQ(b.in_flight(), 4u);

    b.store.count_in_flight([](const NodeId& node) { return node != NodeId("c"); });
    EXPECT_EQ(b.in_flight(), 1u) << "what a dead node had open is closed";
    b.store.count_in_flight([](const NodeId&) { return true; });
    EXPECT_EQ(b.in_flight(), 4u) << "it was cut off only";
    b.store.forget(NodeId("c"));
    EXPECT_EQ(b.in_flight(), 1u);
}

TEST(CountersInFlight, AreThoseOfTheLifeThatANodeLives) {
    Peer b("b", 5);
    b.hear(in_flight("c", 10, 7, 1));
    b.hear(in_flight("c", 1, 0, 2));
    EXPECT_EQ(b.in_flight(), 1u);
    b.store.merge(in_flight("b", 40, 2, 4), NodeId("c"), kMono, kWall,
                  CounterStore::Said::kAnswered);
    EXPECT_EQ(b.in_flight(), 1u) << "what our former life had open is over, too";
}

TEST(CountersInFlight, ThatMakeNoSenseAreRefused) {
    Peer b("b");
    EXPECT_EQ(b.hear(in_flight("c", 1, 2)).refused, 1u);
    CellBatch odd = in_flight("c", 2, 1);
    odd.cells[0].window = 3;
    EXPECT_EQ(b.hear(odd).refused, 1u);
    odd = seconds({kMinute * 60});
    odd.cells[0].span_s = 0;
    EXPECT_EQ(b.hear(odd).refused, 1u);
    odd.cells[0].span_s = kSpanMaxS + 1;
    EXPECT_EQ(b.hear(odd).refused, 1u);
    EXPECT_EQ(b.in_flight(), 0u);
    EXPECT_EQ(b.store.cell_count(), 0u);
}

}  // namespace
}  // namespace vidai::mesh::limits
