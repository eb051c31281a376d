// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/settling.h"

#include <random>

#include <gtest/gtest.h>

namespace vidai::mesh::usage {
namespace {

using std::chrono::seconds;

const NodeId kA("a"), kB("b"), kC("c");

struct SettlingTest : testing::Test {
    Settling settling{seal::PublicKey{{1}}};
    MonoTime now{seconds(100)};

    void peers(const std::vector<NodeId>& peers) { settling.on_peers(peers, now); }
    NodeId keeper() const { return settling.keeper().value_or(NodeId()); }
    void held(const NodeId& by, const std::vector<Span>& spans, std::uint64_t floor = 0) {
        Numbers numbers;
        for (const Span& span : spans) numbers.insert(span);
        settling.on_held(by, floor, numbers, now);
    }
    std::optional<Span> next() { return settling.next(now); }
    void later(Duration span) { now += span; }
    std::uint64_t in_doubt() {
        settling.count(now);
        return settling.unsettled();
    }
};

TEST_F(SettlingTest, IsNobodysWorkWithoutAPeer) {
    settling.on_own({1, 5});
    EXPECT_FALSE(settling.keeper());
    EXPECT_FALSE(next());
    EXPECT_EQ(in_doubt(), 5U);
    EXPECT_EQ(settling.settled(), 0U);
}

TEST_F(SettlingTest, SendsNothingBeforeTheKeeperHasSaidWhatItHas) {
    settling.on_own({1, 5});
    peers({kA});
    EXPECT_EQ(settling.to_ask(now), std::vector{kA});
    EXPECT_TRUE(settling.to_ask(now).empty()) << "it was asked";
    EXPECT_FALSE(next());
    later(seconds(2));
    EXPECT_EQ(settling.to_ask(now), std::vector{kA}) << "its answer may be lost";
    held(kA, {{1, 3}});
    EXPECT_EQ(*next(), (Span{4, 5}));
    EXPECT_EQ(in_doubt(), 2U);
    EXPECT_EQ(settling.settled(), 3U);
}

TEST_F(SettlingTest, SendsEachOnceUntilNoAnswerComes) {
    settling.on_own({1, 5});
    peers({kA});
    held(kA, {});
    settling.on_sent({1, 5}, now);
    EXPECT_FALSE(next());
    EXPECT_EQ(in_doubt(), 5U) << "sent is not settled";
    later(seconds(10));
    EXPECT_EQ(*next(), (Span{1, 5}));
    settling.on_sent({1, 5}, now);
    held(kA, {{1, 5}});
    EXPECT_EQ(in_doubt(), 0U);
    EXPECT_EQ(settling.settled(), 5U);
    later(seconds(20));
    EXPECT_FALSE(next());
}

TEST_F(SettlingTest, KeepsItsKeeperThroughAShortAbsence) {
    peers({kA, kB, kC});
    const NodeId first = keeper();
    std::vector<NodeId> others;
    for (const NodeId& id : {kA, kB, kC}) {
        if (id != first) others.push_back(id);
    }
    peers(others);
    later(seconds(1));
    peers(others);
    EXPECT_EQ(keeper(), first);
    later(seconds(1));
    peers(others);
    EXPECT_NE(keeper(), first);
    peers({kA, kB, kC});
    EXPECT_NE(keeper(), first) << "it has moved, and stays";
}

TEST_F(SettlingTest, SpreadsOverThePeers) {
    std::map<NodeId, int> chosen;
    for (std::uint8_t i = 0; i < 60; ++i) {
        Settling one{seal::PublicKey{{i}}};
        one.on_peers({kA, kB, kC}, now);
        ++chosen[*one.keeper()];
    }
    for (const NodeId& id : {kA, kB, kC}) EXPECT_GT(chosen[id], 8);
}

TEST_F(SettlingTest, CountsWhatAnEarlierKeeperHasUntilThatIsGoneForGood) {
    settling.on_own({1, 10});
    peers({kA, kB});
    const NodeId first = keeper();
    const NodeId second = first == kA ? kB : kA;
    held(first, {{1, 10}});
    held(second, {});
    peers({second});
    later(seconds(5));
    peers({second});
    settling.on_own({1, 12});
    EXPECT_EQ(keeper(), second);
    EXPECT_EQ(*next(), (Span{11, 12})) << "and nothing that the first one has";
    EXPECT_EQ(in_doubt(), 2U);
    settling.on_sent({11, 12}, now);
    held(second, {{11, 12}});
    EXPECT_FALSE(next());
    later(seconds(25));
    peers({second});
    EXPECT_EQ(*next(), (Span{1, 10})) << "it does not come back";
    EXPECT_EQ(in_doubt(), 10U);
}

TEST_F(SettlingTest, SendsNewEventsBeforeThoseThatLostTheirKeeper) {
    settling.on_own({1, 1'000});
    peers({kA});
    held(kA, {});
    settling.on_own({1, 1'003});
    EXPECT_EQ(*next(), (Span{1'001, 1'003}));
    settling.on_sent({1'001, 1'003}, now);
    EXPECT_EQ(*next(), (Span{1, 1'000}));
}

TEST_F(SettlingTest, SendsNothingOldBeforeAllHaveSaidWhatTheyHave) {
    settling.on_own({1, 9});
    peers({kA, kB});
    held(keeper(), {});
    EXPECT_FALSE(next()) << "the other one may have it";
    settling.on_own({1, 10});
    EXPECT_EQ(*next(), (Span{10, 10}));
    held(keeper(), {{10, 10}});
    later(seconds(9));
    EXPECT_FALSE(next());
    later(seconds(1));
    EXPECT_EQ(*next(), (Span{1, 9})) << "nobody waits for ever";
}

TEST_F(SettlingTest, BelievesNoOldWordOfAPeerThatWasAway) {
    settling.on_own({1, 9});
    peers({kA});
    held(kA, {{1, 9}});
    peers({});
    later(seconds(1));
    peers({kA});
    EXPECT_EQ(settling.to_ask(now), std::vector{kA}) << "its volume may be an empty one";
    held(kA, {});
    EXPECT_EQ(*next(), (Span{1, 9}));
    EXPECT_EQ(in_doubt(), 9U);
}

TEST_F(SettlingTest, LeavesOutWhatTheKeeperDoesNotTakeAndWhatIsNot) {
    settling.on_own({1, 9});
    peers({kA});
    held(kA, {}, 4);
    settling.on_absent({6, 7});
    EXPECT_EQ(*next(), (Span{4, 5}));
    settling.on_sent({4, 5}, now);
    EXPECT_EQ(*next(), (Span{8, 9}));
    EXPECT_EQ(in_doubt(), 7U);
}

TEST_F(SettlingTest, SaysForHowLongNothingMoves) {
    peers({kA});
    held(kA, {});
    EXPECT_EQ(settling.waiting(now), Duration{});
    settling.on_own({1, 2});
    in_doubt();
    later(seconds(3));
    settling.on_own({1, 9});
    in_doubt();
    EXPECT_EQ(settling.waiting(now), seconds(3)) << "the first is the same one";
    held(kA, {{1, 1}});
    EXPECT_EQ(settling.waiting(now), Duration{});
}

TEST_F(SettlingTest, HasABoundOnWhatIsUnderWayAndWhatIsBelieved) {
    settling.on_own({1, 1'000'000});
    peers({kA});
    held(kA, {});
    std::uint64_t sent = 0;
    while (const auto span = next()) {
        settling.on_sent({span->from, span->from + 999}, now);
        sent += 1'000;
    }
    EXPECT_GE(sent, Settling::kUnderWayMax);
    EXPECT_LT(sent, Settling::kUnderWayMax + 1'000);
    Numbers many;
    for (std::uint64_t n = 1; n <= 2 * Settling::kRunsMax + 1; n += 2) many.insert(n);
    settling.on_held(kA, 0, many, now);
    EXPECT_EQ(in_doubt(), 1'000'000U);
}

// Peers come and go, also with an empty volume, and messages are lost. Once all is quiet, all of
// it lies at somebody else's.
TEST_F(SettlingTest, ComesToAnEndWhateverHappens) {
    std::mt19937_64 random(5);
    std::map<NodeId, Numbers> disks;
    std::uint64_t last = 0;
    const auto round = [&](bool quiet) {
        later(std::chrono::milliseconds(500));
        std::vector<NodeId> here;
        for (const NodeId& id : {kA, kB, kC}) {
            if (quiet || random() % 8 != 0) {
                here.push_back(id);
            } else if (random() % 20 == 0) {
                disks[id] = {};
            }
        }
        if (!quiet) last += random() % 50;
        settling.on_own({1, last});
        peers(here);
        for (const NodeId& id : settling.to_ask(now)) {
            if (quiet || random() % 3 != 0) settling.on_held(id, 0, disks[id], now);
        }
        for (int i = 0; i < 20; ++i) {
            const auto span = next();
            if (!span) break;
            const Span part{span->from, std::min(span->through, span->from + random() % 30)};
            settling.on_sent(part, now);
            if (!quiet && random() % 4 == 0) continue;
            disks[keeper()].insert(part);
            if (quiet || random() % 4 != 0) settling.on_held(keeper(), 0, disks[keeper()], now);
        }
    };
    for (int i = 0; i < 2'000; ++i) round(false);
    for (int i = 0; i < 400; ++i) round(true);
    EXPECT_EQ(in_doubt(), 0U);
    Numbers copies;
    for (const auto& [id, disk] : disks) copies.insert(disk);
    EXPECT_TRUE(copies.contains(Span{1, last}));
}

}  // namespace
}  // namespace vidai::mesh::usage
