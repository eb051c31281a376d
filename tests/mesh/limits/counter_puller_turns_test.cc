// SPDX-License-Identifier: Apache-2.0
// Pullers of larger meshes, which ask their peers in turn.
#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/mesh/limits/puller_node.h"

namespace vidai::mesh::limits {
namespace {

using namespace std::chrono_literals;
using namespace pulling;  // NOLINT(google-build-using-namespace)
using Node = PullerNode;

// One who knows of many origins, in a mesh of a thousand with a connection to eight.
struct CounterPullerInTurn : testing::Test {
    static constexpr std::size_t kOrigins = 600;
    Node self{"self"};
    MonoTime now = kMono;
    std::uint32_t nodes = 1'000;

    CounterPullerInTurn() {
        for (std::size_t i = 0; i < kOrigins; ++i) {
            CellBatch batch{NodeId("o" + std::to_string(i)), Generation{1}, {}, 0, 1, 1, true};
            batch.cells.push_back({key(0), CellKind::kRequests, kMinute, 1, 0});
            (void)self.store.merge(batch, now, kWall);
        }
        for (const char* peer : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
            self.puller.on_connected(NodeId(peer), now);
        }
    }
    CounterAsks interval(CounterPuller& puller) {
        now += 50ms;
        return puller.on_interval(now, kWall, nodes,
                                  [](const NodeId&) { return std::size_t{1'000}; });
    }
    CounterAsks interval() { return interval(self.puller); }
};

TEST_F(CounterPullerInTurn, AsksNoFasterThanQuestionsMayCost) {
    for (const char* peer : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
        self.slow.on_connected(NodeId(peer), now);
    }
    std::map<NodeId, int> asked;
    std::size_t origins = 0;
    for (int i = 0; i < 20 * 120; ++i) {
        for (const CounterAsk& each : interval(self.slow)) {
            ++asked[each.to];
            origins += each.pull.have.size();
            (void)self.slow.on_page(each.to, each.token, std::nullopt, now);
        }
    }
    // A hundred each second: each of them is asked every 48 s, not every 30.
    EXPECT_LE(origins, 120u * 100 + kOrigins + 1);
    EXPECT_GE(origins, 115u * 100);
    for (const char* peer : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
        EXPECT_GE(asked[NodeId(peer)], 2) << peer;
    }
}

TEST_F(CounterPullerInTurn, BeginsAboveTenMembers) {
    const auto begun = [&](std::uint32_t members) {
        nodes = members;
        CounterPuller fresh(self.store);
        for (const char* peer : {"a", "b", "c", "d"}) fresh.on_connected(NodeId(peer), now);
        return interval(fresh).size();
    };
    EXPECT_EQ(begun(10), 4u);
    EXPECT_EQ(begun(11), 1u);
}

TEST_F(CounterPullerInTurn, GoesOnWithARoundAtOnceAndNamesOnlyWhatIsBehindIt) {
    CounterAsks asks = interval();
    ASSERT_EQ(asks.size(), 1u);
    EXPECT_EQ(asks[0].pull.have.size(), kOrigins + 1);
    const NodeId first = asks[0].to;
    const CellCursor cursor{NodeId("o598"), Generation{1}, {0, 1}, false, key(0)};
    (void)self.puller.on_page(first, asks[0].token, cursor, now);
    asks = interval();
    ASSERT_EQ(asks.size(), 1u);
    EXPECT_EQ(asks[0].to, first);
    // o598, o599, o6 to o9, o60 to o99, self; not the six hundred.
    EXPECT_LT(asks[0].pull.have.size(), 60u);
    EXPECT_GT(asks[0].pull.have.size(), 2u);
}

TEST_F(CounterPullerInTurn, AsksTwoAtOnceThoughNeitherAnswers) {
    std::vector<CounterAsk> waiting;
    for (int i = 0; i < 20 * 10; ++i) {
        for (CounterAsk& each : interval()) waiting.push_back(std::move(each));
    }
    ASSERT_EQ(waiting.size(), 2u);
    self.puller.on_failure(waiting[0].to, waiting[0].token, now);
    const CounterAsks asks = interval();
    ASSERT_EQ(asks.size(), 1u);
    EXPECT_NE(asks[0].to, waiting[0].to) << "another one's turn";
}

}  // namespace
}  // namespace vidai::mesh::limits
