// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/counter_store.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schema/base/rng.h"

namespace vidai::mesh::limits {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint32_t kMinute = 30'000'000;
constexpr WallTime kWall{std::chrono::minutes(kMinute)};
constexpr MonoTime kMono{1h};
const KeyId kKey("abcdefghijkl");
const KeyId kOther("mnopqrstuvwx");
const state::KeyLimits kLimits{1'000, 100'000, {}};

struct NodeUnderTest {
    explicit NodeUnderTest(const char* name = "self", StoreOptions options = {},
                           std::uint64_t generation = 1)
        : store(table, NodeId(name), Generation{generation}, options) {}
    CounterTable table{64};
    CounterStore store;
};

Cell requests(std::uint64_t charged, std::uint64_t returned = 0, std::uint32_t window = kMinute,
              KeyId key = kKey) {
    return {std::move(key), CellKind::kRequests, window, charged, returned};
}
Cell spend(std::uint64_t charged) {
    return {kKey, CellKind::kSpend, 0, charged, 0};
}
CellBatch from(const char* node, std::vector<Cell> cells, std::uint64_t generation = 1) {
    return {NodeId(node), Generation{generation}, std::move(cells)};
}

struct CounterStoreTest : testing::Test, NodeUnderTest {
    std::uint64_t known(WallTime now = kWall) {
        return table.use(*store.slot_of(kKey), now).requests_known;
    }
    MergeCount merge(const CellBatch& batch) { return store.merge(batch, kMono, kWall); }
    bool admit(int times = 1) {
        bool all = true;
        for (int i = 0; i < times; ++i) {
            all &= table.admit(*store.slot_of(kKey), kLimits, {1, Tokens{10}}, kWall).admitted;
        }
        return all;
    }
};

TEST_F(CounterStoreTest, GivesEachKeyASlotAndKeepsIt) {
    const Slot a = *store.bind(kKey, kLimits);
    const Slot b = *store.bind(kOther, {});
    EXPECT_NE(a, b);
    EXPECT_EQ(*store.bind(kKey, {}), a);
    EXPECT_EQ(store.slot_of(kOther), b);
    EXPECT_EQ(store.slot_of(KeyId("unknown")), std::nullopt);
}

TEST_F(CounterStoreTest, SumsWhatPeersPushIntoTheTable) {
    ASSERT_TRUE(store.bind(kKey, kLimits));
    EXPECT_EQ(merge(from("b", {requests(5)})).applied, 1u);
    EXPECT_EQ(merge(from("c", {requests(9, 2)})).applied, 1u);
    EXPECT_EQ(known(), 12u);
}

TEST_F(CounterStoreTest, KeepsWhatItHeardOfAKeyThatItDoesNotKnowYet) {
    merge(from("b", {requests(5), spend(70)}));
    ASSERT_TRUE(store.bind(kKey, kLimits));
    EXPECT_EQ(known(), 5u);
    EXPECT_EQ(table.use(0, kWall).spend_known.value, 70);
}

TEST_F(CounterStoreTest, CountsARestartedPeersOldAndNewCellsOnceEach) {
    ASSERT_TRUE(store.bind(kKey, kLimits));
    merge(from("b", {requests(5)}, 1));
    merge(from("b", {requests(2)}, 2));
    merge(from("b", {requests(5)}, 1));
    EXPECT_EQ(known(), 7u);
}

TEST_F(CounterStoreTest, TakesItsOwnCellsFromNobodyButCountsThoseOfItsFormerLife) {
    ASSERT_TRUE(store.bind(kKey, kLimits));
    EXPECT_EQ(merge(from("self", {requests(5)}, 1)).refused, 1u);
    EXPECT_EQ(known(), 0u);
    EXPECT_EQ(merge(from("self", {requests(5)}, 0)).applied, 1u);
    EXPECT_EQ(known(), 5u);
}

// I15: whatever order, repetition or grouping cells arrive in, the state is the same.
TEST(CounterStoreMerge, IsCommutativeAssociativeAndIdempotent) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        SCOPED_TRACE(seed);
        Rng rng(seed);
        std::vector<CellBatch> history;
        for (int i = 0; i < 60; ++i) {
            const std::uint64_t charged = rng.below(100);
            const auto window = static_cast<std::uint32_t>(kMinute - 1 + rng.below(3));
            const char* const node = rng.chance(0.5) ? "b" : "c";
            Cell cell = rng.chance(0.3) ? spend(charged)
                                        : requests(charged, rng.below(charged + 1), window,
                                                   rng.chance(0.5) ? kKey : kOther);
            history.push_back(from(node, {std::move(cell)}, 1 + rng.below(20)));
        }
        NodeUnderTest straight, shuffled, relayed;
        for (const CellBatch& batch : history) straight.store.merge(batch, kMono, kWall);

        std::vector<CellBatch> mixed = history;
        for (std::size_t i = 0; i < 30; ++i) mixed.push_back(history[rng.below(history.size())]);
        for (std::size_t i = mixed.size(); i > 1; --i) {
            std::swap(mixed[i - 1], mixed[rng.below(i)]);
        }
        for (const CellBatch& batch : mixed) shuffled.store.merge(batch, kMono, kWall);

        // Half of it through another node, which hands on what it holds.
        NodeUnderTest middle("middle");
        for (std::size_t i = 0; i < mixed.size(); ++i) {
            (i % 2 == 0 ? middle : relayed).store.merge(mixed[i], kMono, kWall);
        }
        for (const CellBatch& batch : middle.store.all_cells(kWall, 7)) {
            relayed.store.merge(batch, kMono, kWall);
        }
        const auto sorted = [](const NodeUnderTest& node) {
            auto batches = node.store.all_cells(kWall);
            std::ranges::sort(batches, {}, [](const CellBatch& batch) {
                return std::pair(batch.node, batch.generation);
            });
            return batches;
        };
        EXPECT_EQ(sorted(straight), sorted(shuffled));
        EXPECT_EQ(sorted(straight), sorted(relayed));
    }
}

TEST_F(CounterStoreTest, RefusesCellsThatCannotBe) {
    ASSERT_TRUE(store.bind(kKey, kLimits));
    const auto refused = [&](Cell cell) {
        return merge(from("b", {std::move(cell)})).refused == 1;
    };
    EXPECT_TRUE(refused(requests(5, 6)));
    EXPECT_TRUE(refused(requests(kCountMax + 1)));
    EXPECT_TRUE(refused(requests(1, 0, kMinute + 3)));
    EXPECT_TRUE(refused(requests(1, 0, kMinute - 3)));
    EXPECT_TRUE(refused(requests(1, 0, kMinute, KeyId("short"))));
    EXPECT_TRUE(refused({kKey, static_cast<CellKind>(9), kMinute, 1, 0}));
    EXPECT_TRUE(refused({kKey, CellKind::kSpend, 7, 1, 0}));
    EXPECT_TRUE(refused({kKey, CellKind::kSpend, 0, ~std::uint64_t{0}, 0}));
    EXPECT_EQ(store.cell_count(), 0u);
    EXPECT_FALSE(refused(requests(1, 0, kMinute + 2)));
    EXPECT_FALSE(refused(requests(1, 0, kMinute - 2)));
}

TEST(CounterStoreBounds, HoldForCellsKeysAndNodes) {
    NodeUnderTest node("self", {.window_cells_per_teller_max = 2,
                                .origins_max = 2,
                                .origins_reserved = 0,
                                .keys_heard_max = 3});
    const auto key = [](int n) { return KeyId("abcdefghijk" + std::to_string(n)); };
    const auto merge = [&](const char* from_node, int n) {
        return node.store.merge(from(from_node, {requests(1, 0, kMinute, key(n))}), kMono, kWall)
                   .applied == 1;
    };
    EXPECT_TRUE(merge("b", 0));
    EXPECT_TRUE(merge("b", 1));
    EXPECT_FALSE(merge("b", 2)) << "cells of one node";
    EXPECT_TRUE(merge("c", 2));
    EXPECT_FALSE(merge("c", 3)) << "keys only heard of";
    EXPECT_FALSE(merge("d", 0)) << "nodes";
    node.store.tick(kMono + 5min, kWall + 5min);
    EXPECT_TRUE(
        node.store.merge(from("d", {requests(1, 0, kMinute + 5)}), kMono, kWall + 5min).applied);
}

TEST(CounterStoreBounds, WhatALiarTellsOfAnotherTakesNoneOfThatOnesPlaces) {
    NodeUnderTest node("self", {.window_cells_per_teller_max = 2});
    const auto merge = [&](const char* teller, std::uint64_t generation) {
        return node.store.merge(from("b", {requests(1)}, generation), NodeId(teller), kMono, kWall)
                   .applied == 1;
    };
    EXPECT_TRUE(merge("liar", 1));
    EXPECT_TRUE(merge("liar", 2));
    EXPECT_FALSE(merge("liar", 3));
    EXPECT_TRUE(merge("b", 4));
    node.store.tick(kMono + 5min, kWall + 5min);
    EXPECT_EQ(node.store.cell_count(), 0u);
    EXPECT_TRUE(
        node.store
            .merge(from("b", {requests(1, 0, kMinute + 5)}, 5), NodeId("liar"), kMono, kWall + 5min)
            .applied)
        << "its places are free again";
}

TEST(CounterStoreBounds, KeepTheNewestGenerationsAndTheSumOfWhatWasSpent) {
    NodeUnderTest node("self", {.generations_max = 2});
    for (const std::uint64_t generation : {3U, 1U, 2U, 4U}) {
        node.store.merge(from("b", {spend(generation)}, generation), kMono, kWall);
    }
    EXPECT_EQ(node.store.cell_count(), 2u);
    EXPECT_EQ(node.store.spend(kKey).value, 1 + 2 + 3 + 4);
    EXPECT_EQ(node.store.merge(from("b", {spend(9)}, 1), kMono, kWall).refused, 1u);
    EXPECT_EQ(node.store.spend(kKey).value, 1 + 2 + 3 + 4) << "and none of it twice";
}

TEST(CounterStoreBounds, HearOthersOfMembersAloneAndEveryPeerOfItself) {
    CounterTable table(8);
    CounterStore store(table, NodeId("self"), Generation{2},
                       {.origins_max = 4, .origins_reserved = 2},
                       [](const NodeId& node) { return node != NodeId("invented"); });
    const auto hears = [&](const char* node, const char* teller) {
        return store.merge(from(node, {spend(1)}), NodeId(teller), kMono, kWall).applied == 1;
    };
    EXPECT_FALSE(hears("invented", "liar"));
    EXPECT_TRUE(hears("self", "liar")) << "a former life of its own";
    EXPECT_FALSE(hears("c", "d")) << "what is left is for those who speak for themselves";
    EXPECT_TRUE(hears("e", "e"));
    EXPECT_TRUE(hears("invented", "invented"));
}

TEST_F(CounterStoreTest, ForgetsWithAMemberWhatItCounted) {
    ASSERT_TRUE(store.bind(kKey, kLimits));
    merge(from("b", {requests(5), spend(70)}));
    merge(from("c", {requests(2)}));
    store.forget(NodeId("b"));
    EXPECT_EQ(store.cell_count(), 1u);
    EXPECT_EQ(known(), 2u);
    EXPECT_EQ(store.spend(kKey).value, 0);
    EXPECT_EQ(store.question(kWall, std::nullopt, 9).have.size(), 2u);
    EXPECT_EQ(merge(from("b", {requests(1)}, 2)).applied, 1u) << "its next life is another";
}

// Lives that somebody made up about another node: as many as fit into a message.
TEST(CounterStoreLies, AboutOthersLivesFillNoQuestionsAndEndWithItsOwnWord) {
    NodeUnderTest node;
    ASSERT_TRUE(node.store.bind(kKey, kLimits));
    node.store.merge(from("b", {requests(1), spend(40)}, 7), kMono, kWall);
    for (std::uint64_t i = 0; i < 3'000; ++i) {
        const std::uint64_t generation = i % 2 == 0 ? i : (std::uint64_t{1} << 60) + i;
        node.store.merge(from("b", {spend(1)}, generation), NodeId("liar"), kMono, kWall);
    }
    EXPECT_LE(node.store.question(kWall, std::nullopt, 9'999).have.size(), 18u);
    EXPECT_EQ(node.store.merge(from("b", {requests(5), spend(41)}, 7), kMono, kWall).applied, 2u);
    EXPECT_EQ(node.table.use(0, kWall).requests_known, 5u);
    EXPECT_LE(node.store.question(kWall, std::nullopt, 9'999).have.size(), 9u);
    EXPECT_EQ(node.store.merge(from("b", {spend(2)}, 8), kMono, kWall).applied, 1u) << "restarted";
}

TEST(CounterStoreLies, AboutProgressEndWhereTheOriginIsAsked) {
    NodeUnderTest origin("b"), node;
    ASSERT_TRUE(origin.store.bind(kKey, kLimits));
    ASSERT_TRUE(origin.store.bind(kOther, kLimits));
    for (const Slot slot : {0U, 1U}) {
        ASSERT_TRUE(origin.table.admit(slot, kLimits, {1, Tokens{}}, kWall).admitted);
        ASSERT_EQ(origin.store.collect(kMono, kWall, 3, true).cells.size(), 1u);
    }
    CellBatch lie = from("b", {requests(1)});
    lie.upto = lie.highest = ~std::uint64_t{0};
    lie.whole = true;
    node.store.merge(lie, NodeId("liar"), kMono, kWall);
    CellPull asked = node.store.question(kWall, std::nullopt, 9);
    asked.cells_max = 9;
    for (const CellBatch& batch : origin.store.page(asked).batches) {
        node.store.merge(batch, NodeId("b"), kMono, kWall, CounterStore::Said::kCorrected);
    }
    EXPECT_EQ(node.store.cell_count(), 2u);
    EXPECT_EQ(node.store.question(kWall, std::nullopt, 9).have.front().have, 2u);
}

// A node that was restarted is asked, and answers with what its former life had counted.
TEST(CounterStoreLies, AreNotWhatANodeTellsOfItsFormerLife) {
    NodeUnderTest node;
    ASSERT_TRUE(node.store.bind(kKey, kLimits));
    const auto hears = [&](const CellBatch& batch, const char* teller) {
        return node.store.merge(batch, NodeId(teller), kMono, kWall, CounterStore::Said::kAnswered);
    };
    node.store.merge(from("b", {requests(1)}, 7), kMono, kWall);  // when it lived that
    hears(from("b", {requests(5)}, 8), "c");
    hears(from("b", {requests(2)}, 7), "b");
    EXPECT_EQ(node.store.cell_count(), 2u);
    EXPECT_EQ(node.table.use(0, kWall).requests_known, 7u);
}

TEST(CounterStoreBounds, OfWhatWasSpentLeaveRoomForWhatLimitsAreDecidedBy) {
    NodeUnderTest node("self", {.window_cells_per_teller_max = 2, .spend_cells_per_teller_max = 2});
    for (const std::uint64_t generation : {1U, 2U, 3U}) {
        node.store.merge(from("b", {spend(1)}, generation), kMono, kWall);
    }
    EXPECT_EQ(node.store.cell_count(), 2u);
    EXPECT_EQ(node.store.merge(from("b", {requests(1)}, 3), kMono, kWall).applied, 1u);
}

TEST(CounterStoreBounds, RefuseAKeyWhenAllSlotsAreTaken) {
    CounterTable table(2);
    CounterStore store(table, NodeId("self"), Generation{1});
    EXPECT_TRUE(store.bind(KeyId("aaaaaaaaaaaa"), {}));
    EXPECT_TRUE(store.bind(KeyId("bbbbbbbbbbbb"), {}));
    const auto third = store.bind(kKey, {});
    ASSERT_FALSE(third);
    EXPECT_EQ(third.error().code, ErrorCode::kResourceExhausted);
}

TEST_F(CounterStoreTest, ForgetsMinutesThatNobodyCounts) {
    ASSERT_TRUE(store.bind(kKey, kLimits));
    merge(from("b", {requests(5), requests(2, 0, kMinute, kOther), spend(3)}));
    store.tick(kMono, kWall + 2min);
    EXPECT_EQ(store.cell_count(), 3u) << "a slower peer may still ask";
    store.tick(kMono, kWall + 3min);
    EXPECT_EQ(store.cell_count(), 1u) << "spend has no minute";
}

TEST_F(CounterStoreTest, ReusesARevokedKeysSlotOnlyWhenNoRequestCanHoldIt) {
    const Slot slot = *store.bind(kKey, kLimits);
    table.add_spend(slot, MicroUsd{40});
    store.release(kKey, kMono);
    store.release(kKey, kMono + 1h);  // said twice
    const Duration quarantine = StoreOptions{}.slot_quarantine;
    EXPECT_GT(quarantine, 24h) << "the greatest timeouts.total";
    store.tick(kMono + quarantine - 1ns, kWall);
    EXPECT_NE(*store.bind(kOther, kLimits), slot);
    store.tick(kMono + quarantine, kWall);
    EXPECT_EQ(store.slot_of(kKey), std::nullopt);
    EXPECT_EQ(*store.bind(KeyId("zzzzzzzzzzzz"), kLimits), slot);
    EXPECT_EQ(table.use(slot, kWall).spend_own.value, 0);
    EXPECT_EQ(store.spend(kKey).value, 40) << "what it spent stays known";
}

TEST_F(CounterStoreTest, PushesAChangeAtOnceWhenItMatters) {
    ASSERT_TRUE(store.bind(kKey, {100, {}, {}}));
    EXPECT_THAT(store.collect(kMono, kWall, 3).cells, IsEmpty());
    admit();
    const CellBatch batch = store.collect(kMono + 50ms, kWall, 3);
    EXPECT_EQ(batch.node, NodeId("self"));
    EXPECT_EQ(batch.generation, Generation{1});
    EXPECT_THAT(batch.cells, testing::Contains(requests(1)));
    EXPECT_THAT(store.collect(kMono + 100ms, kWall, 3).cells, IsEmpty()) << "told already";
}

TEST_F(CounterStoreTest, HoldsSmallChangesBackForASecondAtMost) {
    ASSERT_TRUE(store.bind(kKey, kLimits));
    store.collect(kMono, kWall, 2);
    admit(9);  // of 1,000 and two nodes, ten matter
    EXPECT_THAT(store.collect(kMono + 50ms, kWall, 2).cells, IsEmpty());
    EXPECT_THAT(store.collect(kMono + 999ms, kWall, 2).cells, IsEmpty());
    EXPECT_THAT(store.collect(kMono + 1s, kWall, 2).cells, testing::Contains(requests(9)));
}

TEST_F(CounterStoreTest, HoldsLessBackTheNearerTheLimitIs) {
    ASSERT_TRUE(store.bind(kKey, kLimits));
    store.collect(kMono, kWall, 2);
    merge(from("b", {requests(980)}));
    admit();
    EXPECT_THAT(store.collect(kMono + 50ms, kWall, 2).cells, testing::Contains(requests(1)));
}

TEST_F(CounterStoreTest, PushesSpendOnceASecond) {
    const Slot slot = *store.bind(kKey, {});
    store.collect(kMono, kWall, 3);
    table.add_spend(slot, MicroUsd{5});
    EXPECT_THAT(store.collect(kMono + 50ms, kWall, 3).cells, IsEmpty());
    EXPECT_THAT(store.collect(kMono + 1s, kWall, 3).cells, ElementsAre(spend(5)));
}

TEST(CounterStorePush, IsBoundedAndLeavesTheRestForTheNext) {
    NodeUnderTest node("self", {.push_cells_max = 2});
    for (int n = 0; n < 5; ++n) {
        const KeyId key("abcdefghijk" + std::to_string(n));
        const Slot slot = *node.store.bind(key, {10, {}, {}});
        ASSERT_TRUE(node.table.admit(slot, {10, {}, {}}, {}, kWall).admitted);
    }
    std::vector<std::size_t> sizes;
    for (int i = 0; i < 4; ++i) sizes.push_back(node.store.collect(kMono, kWall, 3).cells.size());
    EXPECT_THAT(sizes, ElementsAre(2u, 2u, 1u, 0u));
}

TEST_F(CounterStoreTest, TellsANewcomerEverythingThatCounts) {
    ASSERT_TRUE(store.bind(kKey, kLimits));
    admit(3);
    table.add_spend(0, MicroUsd{5});
    merge(from("b", {requests(7), requests(1, 0, kMinute - 1), spend(2)}));
    NodeUnderTest newcomer("new");
    ASSERT_TRUE(newcomer.store.bind(kKey, kLimits));
    for (const CellBatch& batch : store.all_cells(kWall, 2)) {
        EXPECT_LE(batch.cells.size(), 2u);
        newcomer.store.merge(batch, kMono, kWall);
    }
    const SlotUse use = newcomer.table.use(0, kWall + 59'999ms);
    EXPECT_EQ(use.requests_known, 3u + 7u + 1u);
    EXPECT_EQ(use.tokens_known, 30u);
    EXPECT_EQ(use.spend_known.value, 7);
}

TEST_F(CounterStoreTest, RemembersTheGreatestBurstInADelay) {
    ASSERT_TRUE(store.bind(kKey, {20, {}, {}}));
    store.collect(kMono, kWall, 2);
    EXPECT_EQ(store.burst(kKey, LimitKind::kRequests), 0u);
    admit(4);
    store.collect(kMono + 50ms, kWall, 2);
    store.merge(from("b", {requests(3)}), kMono + 100ms, kWall);
    EXPECT_EQ(store.burst(kKey, LimitKind::kRequests), 7u);
    store.merge(from("b", {requests(4)}), kMono + 10s, kWall);
    EXPECT_EQ(store.burst(kKey, LimitKind::kRequests), 7u) << "long after";
}

// Once a wiped node's cells were hidden behind its former life's, until the minute had passed.
TEST_F(CounterStoreTest, CountsWhatANodeChargesAfterItLostItsVolume) {
    ASSERT_TRUE(store.bind(kKey, kLimits));
    constexpr std::uint64_t kSerial = std::uint64_t{1'700'000'000'000} << 16;
    constexpr std::uint64_t kNextMs = kSerial + (1U << 16);
    const auto life = [](std::uint64_t serial, std::uint64_t generation, std::uint64_t charged) {
        const Generation cell = cell_generation(serial, Generation{generation});
        return CellBatch{NodeId("n1"), cell, {requests(charged)}};
    };
    merge(life(kSerial, 1, 10));
    merge(life(kSerial, 2, 5));
    merge(life(kNextMs, 1, 3));
    merge(life(kNextMs, 2, 2));
    EXPECT_EQ(known(), 20u);
}

}  // namespace
}  // namespace vidai::mesh::limits
