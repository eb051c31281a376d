// SPDX-License-Identifier: Apache-2.0
// When a node finds that it is alone, or has no place, and how often it says so.
#include "mesh/rpc/standing.h"

#include <gtest/gtest.h>

namespace vidai::mesh::rpc {
namespace {

using namespace std::chrono_literals;
using membership::Dial;
using membership::DialFailure;
using membership::LinkEnd;

const MonoTime kStart = MonoTime(1h);
const NodeId kPeer("n2");
const Error kRefused{ErrorCode::kUnavailable, "cannot reach h:1: Connection refused",
                     "unreachable"};

struct Alone : public ::testing::Test {
    Standing standing{NodeId("n1"), kStart};
};

TEST_F(Alone, IsANodeWithADeadSeedAndSaysSoOnceAMinute) {
    standing.dial_failed({"h:1", NodeId(), 1s}, DialFailure::kRefused, kRefused, kStart);
    EXPECT_FALSE(standing.look(false, kStart + 4s).has_value());
    EXPECT_EQ(standing.alone(), "");
    EXPECT_EQ(standing.last_failure(), kRefused.message) << "readiness may say it at once";
    const auto warning = standing.look(false, kStart + 5s);
    ASSERT_TRUE(warning.has_value());
    EXPECT_NE(warning->find("h:1: Connection refused"), std::string::npos) << *warning;
    EXPECT_NE(standing.alone(), "");
    for (auto at = 6s; at < 65s; ++at) {
        standing.dial_failed({"h:1", NodeId(), 1s}, DialFailure::kRefused, kRefused, kStart + at);
        EXPECT_FALSE(standing.look(false, kStart + at).has_value()) << at.count();
    }
    EXPECT_TRUE(standing.look(false, kStart + 65s).has_value());
    EXPECT_EQ(standing.failed(Failing::kRefused), 60u);
}

TEST_F(Alone, IsNobodyWhoHasNoSeedsAndKnowsNobody) {
    EXPECT_FALSE(standing.look(false, kStart + 1h).has_value());
    // Its only seed means this very node: it begins a mesh.
    standing.dial_failed({"h:1", NodeId(), 1s}, DialFailure::kRejected,
                         {ErrorCode::kAlreadyExists, "that is us", ""}, kStart + 1h);
    EXPECT_FALSE(standing.look(false, kStart + 1h).has_value());
    EXPECT_EQ(standing.alone(), "");
    EXPECT_EQ(standing.failed(Failing::kRejected), 0u);
}

TEST_F(Alone, IsOneWhoKnowsOthersUntilAConnectionHolds) {
    EXPECT_TRUE(standing.look(true, kStart + 5s).has_value());
    standing.connected(kPeer, kStart + 6s);
    (void)standing.look(true, kStart + 6s + 100ms);
    EXPECT_NE(standing.alone(), "") << "it may be closed at once";
    (void)standing.look(true, kStart + 7s);
    EXPECT_EQ(standing.alone(), "") << "nobody may be told of a connection that is there";
    (void)standing.look(true, kStart + 8s);
    EXPECT_EQ(standing.alone(), "");
    standing.disconnected(kPeer, LinkEnd::kClosed, kStart + 9s);
    EXPECT_EQ(standing.failed(Failing::kClosed), 0u);
    EXPECT_FALSE(standing.look(true, kStart + 12s).has_value());
    EXPECT_TRUE(standing.look(true, kStart + 13s).has_value()) << "a new time, a new warning";
}

TEST_F(Alone, IsOneWhosePeersCloseEachConnection) {
    for (auto at = 0s; at < 5s; ++at) {
        standing.connected(kPeer, kStart + at);
        standing.disconnected(kPeer, LinkEnd::kClosed, kStart + at + 10ms);
    }
    EXPECT_EQ(standing.failed(Failing::kClosed), 5u);
    const auto warning = standing.look(true, kStart + 5s);
    ASSERT_TRUE(warning.has_value());
    EXPECT_NE(warning->find("n2: it closed the connection at once"), std::string::npos) << *warning;
}

// A certificate that is not valid yet is refused after the last message of whoever shows it.
TEST_F(Alone, IsOneWhoHasNeverKnownAnybodyAndIsShutOutEachTime) {
    for (auto at = 0s; at < 5s; ++at) {
        standing.connected(kPeer, kStart + at);
        standing.disconnected(kPeer, LinkEnd::kClosed, kStart + at + 10ms);
        EXPECT_FALSE(standing.look(false, kStart + at + 20ms).has_value()) << at.count();
    }
    const auto warning = standing.look(false, kStart + 6s);
    ASSERT_TRUE(warning.has_value());
    EXPECT_NE(warning->find("its log says why"), std::string::npos) << *warning;
    EXPECT_EQ(standing.failed(Failing::kClosed), 5u);
}

TEST_F(Alone, OrTurnedAwayWhileNobodyElseTakesItsConnections) {
    EXPECT_FALSE(standing.turned_away(kPeer, "made_up"));
    EXPECT_EQ(standing.refusal(), "");
    standing.connected(kPeer, kStart);
    EXPECT_TRUE(standing.turned_away(kPeer, kSameNodeId));
    standing.disconnected(kPeer, LinkEnd::kClosed, kStart + 10ms);
    (void)standing.look(true, kStart + 1h);
    EXPECT_NE(standing.refusal().find("vidaictl node forget n1"), std::string::npos);
    standing.connected(NodeId("n3"), kStart + 1h);
    (void)standing.look(true, kStart + 1h + 2s);
    EXPECT_EQ(standing.refusal(), "");
}

}  // namespace
}  // namespace vidai::mesh::rpc
