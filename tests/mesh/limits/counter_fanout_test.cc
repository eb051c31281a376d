// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/counter_fanout.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace vidai::mesh::limits {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kWall{std::chrono::minutes(30'000'000)};
constexpr MonoTime kMono{1h};
const NodeId kA("a"), kB("b");

struct CounterFanoutTest : testing::Test {
    CounterTable table{64};
    CounterStore store{table, NodeId("self"), Generation{1}, {}};
    CounterFanout fanout{store, 2};
    std::vector<KeyId> keys;
    MonoTime now = kMono;
    std::size_t room = 4;

    CounterFanoutTest() {
        for (char c = 'a'; c <= 'e'; ++c) {
            keys.emplace_back(std::string(12, c));
            (void)store.bind(keys.back(), {1'000, {}, {}});
        }
    }
    void admit(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const Slot slot = *store.slot_of(keys[i]);
            ASSERT_TRUE(table.admit(slot, {1'000, {}, {}}, {1, Tokens{}}, kWall).admitted);
        }
    }
    // A whole flush interval later, so that everything that changed is worth telling.
    CounterCalls interval() {
        now += 2s;
        return fanout.on_interval(now, kWall, 3, [this](const NodeId&) { return room; });
    }
    void connect(const std::vector<NodeId>& peers) {
        for (const NodeId& peer : peers) fanout.on_connected(peer);
        for (const CounterCall& call : interval()) (void)answer(call);
    }
    // Answers until nothing more is told; how many cells that were.
    std::size_t answer(CounterCall call) {
        std::size_t cells = call.batch->cells.size();
        while (auto next = fanout.on_answer(call.to, call.token, true)) {
            call = std::move(*next);
            cells += call.batch->cells.size();
        }
        return cells;
    }
};

TEST_F(CounterFanoutTest, WhoHasNothingToTellSaysSoOnce) {
    fanout.on_connected(kA);
    const CounterCalls calls = interval();
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_TRUE(calls[0].full);
    EXPECT_EQ(calls[0].parts_left, 0u);
    EXPECT_TRUE(fanout.owes_all(kA));
    EXPECT_EQ(answer(calls[0]), 0u);
    EXPECT_FALSE(fanout.owes_all(kA));
    EXPECT_TRUE(interval().empty());
}

TEST_F(CounterFanoutTest, WhoConnectsIsToldEverythingInParts) {
    admit(5);
    (void)interval();
    fanout.on_connected(kA);
    const CounterCalls calls = interval();
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_TRUE(calls[0].full);
    EXPECT_EQ(calls[0].parts_left, 2u);
    EXPECT_LE(calls[0].batch->cells.size(), 2u);
    EXPECT_EQ(answer(calls[0]), 5u);
    EXPECT_EQ(fanout.full_syncs(), 1u);
    EXPECT_TRUE(interval().empty());
}

TEST_F(CounterFanoutTest, AChangeGoesToEverybody) {
    connect({kA, kB});
    admit(1);
    const CounterCalls calls = interval();
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0].batch, calls[1].batch) << "told the same, so it is shared";
    EXPECT_FALSE(calls[0].full);
}

TEST_F(CounterFanoutTest, ABusyPeerIsOwedEverythingAndToldItLater) {
    connect({kA});
    admit(3);
    room = 0;
    EXPECT_TRUE(interval().empty());
    EXPECT_TRUE(interval().empty());
    room = 1;
    const CounterCalls calls = interval();
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_TRUE(calls[0].full);
    EXPECT_EQ(answer(calls[0]), 3u);
}

TEST_F(CounterFanoutTest, NeverMakesMoreCallsThanThereIsRoomFor) {
    connect({kA});
    admit(5);
    room = 2;
    EXPECT_EQ(interval().size(), 2u) << "five cells are three calls";
}

TEST_F(CounterFanoutTest, AFailedPushIsMadeGoodByAFullSync) {
    connect({kA});
    admit(1);
    const CounterCalls calls = interval();
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_FALSE(fanout.on_answer(kA, calls[0].token, false));
    const CounterCalls again = interval();
    ASSERT_EQ(again.size(), 1u);
    EXPECT_TRUE(again[0].full);
}

TEST_F(CounterFanoutTest, AFailedPartStartsTheFullSyncAnew) {
    admit(5);
    fanout.on_connected(kA);
    (void)fanout.on_interval(now, kWall, 3, [](const NodeId&) { return 0; });
    CounterCalls calls = interval();
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_FALSE(fanout.on_answer(kA, calls[0].token, false));
    calls = interval();
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_EQ(answer(calls[0]), 5u);
}

TEST_F(CounterFanoutTest, AnAnswerOfAnEarlierConnectionStartsNothing) {
    admit(5);
    fanout.on_connected(kA);
    const CounterCalls old = interval();
    fanout.on_disconnected(kA);
    EXPECT_FALSE(fanout.on_answer(kA, old.back().token, true));
    fanout.on_connected(kA);
    EXPECT_FALSE(fanout.on_answer(kA, old.back().token, true));
    const CounterCalls calls = interval();
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_EQ(answer(calls[0]), 5u);
}

TEST_F(CounterFanoutTest, TellsEverybodyWhoIsNotBeingToldAlready) {
    connect({kA, kB});
    admit(3);
    const CounterCalls calls = fanout.tell_everybody(kWall);
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_TRUE(fanout.tell_everybody(kWall).empty());
    EXPECT_EQ(answer(calls[0]), 3u);
    EXPECT_EQ(fanout.tell_everybody(kWall).size(), 1u);
}

}  // namespace
}  // namespace vidai::mesh::limits
