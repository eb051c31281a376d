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
    CounterStore store{table, NodeId("self"), Generation{1}, {.push_cells_max = 2}};
    CounterFanout fanout{store, 2};
    std::vector<KeyId> keys;
    MonoTime now = kMono;
    std::size_t room = 8;

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
    CounterCalls interval(Duration later = 1s) {
        now += later;
        return fanout.on_interval(now, kWall, 3, [this](const NodeId&) { return room; });
    }
    void connect(const std::vector<NodeId>& peers) {
        for (const NodeId& peer : peers) {
            fanout.on_connected(peer, now);
            fanout.on_asked(peer);
        }
    }
    std::optional<CounterCall> taken(const CounterCall& call, bool yes = true) {
        return fanout.on_answer(call.to, call.token, yes, kWall, [this](auto&) { return room; });
    }
    // Answers until nothing more is told; how many cells that were.
    std::size_t answer(CounterCall call) {
        std::size_t cells = call.batch->cells.size();
        while (auto next = taken(call)) {
            call = std::move(*next);
            cells += call.batch->cells.size();
        }
        return cells;
    }
};

TEST_F(CounterFanoutTest, AChangeGoesToEverybodyOnce) {
    connect({kA, kB});
    admit(1);
    const CounterCalls calls = interval();
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0].batch, calls[1].batch) << "told the same, so it is shared";
    EXPECT_FALSE(calls[0].catch_up);
    EXPECT_FALSE(fanout.owes(kA));
    EXPECT_FALSE(taken(calls[0]));
    EXPECT_TRUE(interval().empty());
}

TEST_F(CounterFanoutTest, ABusyPeerIsToldLaterWhatHasChangedMeanwhile) {
    connect({kA});
    admit(1);
    (void)answer(interval().at(0));
    room = 0;
    admit(3);
    EXPECT_TRUE(interval().empty());
    admit(2);
    EXPECT_TRUE(interval().empty());
    room = 8;
    const CounterCalls calls = interval();
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_TRUE(calls[0].catch_up);
    EXPECT_LE(calls[0].batch->cells.size(), 2u);
    EXPECT_EQ(answer(calls[0]), 3u) << "each cell once, and none that it knows";
    EXPECT_EQ(fanout.catch_ups(), 1u);
    EXPECT_FALSE(fanout.owes(kA));
    EXPECT_TRUE(interval().empty());
}

TEST_F(CounterFanoutTest, NeverTellsMoreThanThereIsRoomFor) {
    connect({kA});
    admit(5);
    room = 3;
    const CounterCalls calls = interval();
    ASSERT_EQ(calls.size(), 2u) << "five cells are three pushes; what is left is a catch-up";
    EXPECT_EQ(calls[0].batch->cells.size(), 2u);
    EXPECT_EQ(calls[1].batch->cells.size(), 1u);
}

TEST_F(CounterFanoutTest, NextPartsKeepToTheRoomThereIs) {
    connect({kA});
    room = 0;
    admit(5);
    (void)interval();
    room = 1;
    const CounterCall first = interval().at(0);
    EXPECT_EQ(first.batch->cells.size(), 1u);
    const auto second = taken(first);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->batch->cells.size(), 1u);
    room = 0;
    EXPECT_FALSE(taken(*second)) << "it follows when there is room";
    EXPECT_TRUE(interval().empty());
    room = 8;
    EXPECT_EQ(answer(interval().at(0)), 3u);
    EXPECT_FALSE(fanout.owes(kA));
}

TEST_F(CounterFanoutTest, NoCallCarriesMoreThanAnUrgentOneMayWaitFor) {
    connect({kA});
    admit(4);
    now += 1s;
    const auto space = [](const NodeId&) { return CounterFanout::Space(8, 1); };
    for (const CounterCall& call : fanout.on_interval(now, kWall, 3, space)) {
        EXPECT_EQ(call.batch->cells.size(), 1u);
        EXPECT_TRUE(call.catch_up);
    }
}

TEST_F(CounterFanoutTest, AFailedPushIsMadeGoodByACatchUp) {
    connect({kA});
    admit(1);
    const CounterCalls calls = interval();
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_FALSE(taken(calls[0], false));
    EXPECT_TRUE(fanout.owes(kA));
    const CounterCalls again = interval();
    ASSERT_EQ(again.size(), 1u);
    EXPECT_TRUE(again[0].catch_up);
    EXPECT_TRUE(again[0].batch->whole);
    EXPECT_EQ(again[0].batch->since, calls[0].batch->since);
    EXPECT_EQ(again[0].batch->cells, calls[0].batch->cells);
}

// Once a full sync began anew whenever a part of it was late, and so never ended on a slow link.
TEST_F(CounterFanoutTest, AFailedPartIsRepeatedAndNothingBeforeIt) {
    connect({kA});
    room = 0;
    admit(5);
    (void)interval();
    room = 8;
    CounterCall part = interval().at(0);
    std::size_t cells = 0;
    int parts = 0;
    for (;; ++parts) {
        EXPECT_FALSE(taken(part, false)) << "each part is late once";
        const CounterCalls again = interval();
        ASSERT_EQ(again.size(), 1u);
        EXPECT_EQ(again[0].batch->cells, part.batch->cells);
        cells += again[0].batch->cells.size();
        auto next = taken(again[0]);
        if (!next) break;
        part = std::move(*next);
    }
    EXPECT_EQ(cells, 5u);
    EXPECT_EQ(parts, 2);
    EXPECT_FALSE(fanout.owes(kA));
}

TEST_F(CounterFanoutTest, AnAnswerOfAnEarlierConnectionStartsNothing) {
    connect({kA});
    admit(5);
    const CounterCalls old = interval();
    fanout.on_disconnected(kA);
    EXPECT_FALSE(taken(old.back()));
    connect({kA});
    EXPECT_FALSE(taken(old.back()));
    EXPECT_TRUE(interval().empty()) << "it asks for what was before";
}

TEST_F(CounterFanoutTest, WhoNeverAsksIsToldAllOfOurs) {
    admit(5);
    (void)interval();
    fanout.on_connected(kA, now);
    EXPECT_TRUE(interval().empty());
    CounterCalls calls = interval();
    ASSERT_EQ(calls.size(), 1u);
    std::size_t cells = 0;
    std::optional<CounterCall> part = calls[0];
    for (;;) {
        cells += part->batch->cells.size();
        auto next = taken(*part);
        if (!next) break;
        EXPECT_FALSE(part->complete);
        part = std::move(next);
    }
    EXPECT_TRUE(part->complete);
    EXPECT_EQ(cells, 5u);
    EXPECT_TRUE(interval().empty());
}

TEST_F(CounterFanoutTest, WhoLeavesTellsWhatItHadHeldBack) {
    connect({kA, kB});
    (void)interval();
    admit(3);
    EXPECT_TRUE(interval(50ms).empty()) << "too little to be pushed at once";
    std::size_t cells = 0;
    for (const CounterCall& call : fanout.tell_everybody(now, kWall)) {
        if (call.to == kA) cells += answer(call);
    }
    EXPECT_EQ(cells, 3u);
}

// It told the first 16 batches, and the rest went with it.
TEST_F(CounterFanoutTest, WhoLeavesTellsAllThoughThatIsMuch) {
    connect({kA, kB});
    (void)interval();
    for (int i = 0; i < 50; ++i) {
        keys.emplace_back("manykeysof" + std::to_string(10 + i));
        (void)store.bind(keys.back(), {1'000, {}, {}});
    }
    admit(keys.size());
    std::size_t cells = 0;
    for (const CounterCall& call : fanout.tell_everybody(now, kWall)) {
        if (call.to == kA) cells += answer(call);
    }
    EXPECT_EQ(cells, keys.size());
    EXPECT_FALSE(fanout.owes(kA));
}

}  // namespace
}  // namespace vidai::mesh::limits
