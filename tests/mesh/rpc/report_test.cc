// SPDX-License-Identifier: Apache-2.0
// What a node reports to the doctor, and how an operator has it drain.
#include <gtest/gtest.h>

#include "tests/mesh/rpc/nodes.h"

namespace vidai::mesh {
namespace {

using testing::Cluster;
using testing::eventually;
using testing::Node;
using namespace std::chrono_literals;

TEST(Report, TellsHowANodeAndItsPeerKeepUp) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    const Node b = cluster.start("b", {a.address()});
    auto client = cluster.connect(a);
    auto other = cluster.connect(b);
    ASSERT_TRUE(client.key_create({}).has_value());
    NodeReport report;
    const auto equal = [&]() {
        auto now = client.report();
        if (!now || now->peers.size() != 1 || now->peers[0].digest_match != true) return false;
        report = std::move(*now);
        return report.registers == 1 && other.report()->digest == report.digest;
    };
    ASSERT_TRUE(eventually(equal));
    EXPECT_EQ(report.mesh, cluster.files.mesh);
    EXPECT_EQ(report.self.id, NodeId("a"));
    EXPECT_TRUE(report.self.self);
    EXPECT_EQ(report.version, "test");
    EXPECT_EQ(report.not_ready, "");
    EXPECT_GT(report.certificate_until, report.clock + 24h);
    const PeerReport& peer = report.peers[0];
    EXPECT_EQ(peer.member.id, NodeId("b"));
    EXPECT_EQ(peer.member.address, b.address());
    EXPECT_TRUE(peer.member.connected);
    EXPECT_EQ(peer.member.wire_max, report.wire_max);
    EXPECT_GT(peer.certificate_until, report.clock + 24h);
    ASSERT_TRUE(peer.synced_ago.has_value());
    EXPECT_LT(*peer.synced_ago, 10s);
    ASSERT_TRUE(peer.clock_offset.has_value());
    EXPECT_LT(std::chrono::abs(*peer.clock_offset), 2s) << "one machine, one clock";
}

TEST(Report, KnowsNothingOfAPeerThatIsGone) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    {
        const Node b = cluster.start("b", {a.address()});
        ASSERT_TRUE(eventually([&]() { return a.alive() == 2; }));
    }
    auto client = cluster.connect(a);
    const auto gone = [&]() {
        const auto report = client.report();
        return report && !report->peers.at(0).member.connected;
    };
    ASSERT_TRUE(eventually(gone));
    const NodeReport report = *client.report();
    EXPECT_FALSE(report.peers[0].synced_ago.has_value());
    EXPECT_FALSE(report.peers[0].clock_offset.has_value());
    EXPECT_EQ(report.peers[0].counters_owed, 0ms);
}

TEST(Drain, IsHandedToTheNodeOnce) {
    const Cluster cluster;
    const Node a = cluster.start("a");
    auto client = cluster.connect(a);
    EXPECT_FALSE(a.mesh->drain_asked().has_value());
    const auto first = client.drain(NodeId("a"), 1'500ms);
    ASSERT_TRUE(first.has_value()) << first.error().message;
    EXPECT_EQ(first->node, NodeId("a"));
    EXPECT_FALSE(first->already);
    EXPECT_EQ(a.mesh->drain_asked(), 1'500ms);
    EXPECT_NE(a.mesh->not_ready(), "");
    EXPECT_TRUE(a.notices->has(Notice::Kind::kMember, "draining"));
    const auto second = client.drain(NodeId("a"), 9s);
    ASSERT_TRUE(second.has_value());
    EXPECT_TRUE(second->already);
    EXPECT_EQ(a.mesh->drain_asked(), 1'500ms) << "the first one counts";
}

}  // namespace
}  // namespace vidai::mesh
