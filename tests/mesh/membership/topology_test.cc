// SPDX-License-Identifier: Apache-2.0
// A mesh of more members than a node keeps connections to.
#include <gtest/gtest.h>

#include "tests/mesh/membership/harness.h"

namespace vidai::mesh::membership {
namespace {

// Bounded above 4 + 0 members: "m" and five peers are.
Options small() {
    Options options;
    options.full_mesh_max = 4;
    options.connections_max = 2;
    return options;
}

std::size_t closes(const Bench& m) {
    std::size_t count = 0;
    for (const Effect& effect : m.effects) count += std::holds_alternative<Close>(effect) ? 1 : 0;
    return count;
}

TEST(ALargeMesh, PartsWithItsLeastRecentlyUsedConnections) {
    Bench m("abcde", true, small());
    m.run(seconds(3), "abcde");
    EXPECT_FALSE(m.sent<Goodbye>().empty());
    EXPECT_EQ(m.core.counters().links_parted, m.sent<Goodbye>().size());
    EXPECT_EQ(closes(m), 0U) << "the other side closes";
}

TEST(ASmallMesh, PartsWithNobody) {
    Options options = small();
    options.full_mesh_max = 6;
    Bench m("abcde", true, options);
    m.run(seconds(10), "abcde");
    EXPECT_TRUE(m.sent<Goodbye>().empty());
}

TEST(AGoodbye, IsAnsweredByClosingAndIsEvidenceOfNothing) {
    Bench m("abcde", true, small());
    m.message("a", Goodbye{});
    EXPECT_EQ(closes(m), 1U);
    m.disconnected("a", LinkEnd::kLocal);
    EXPECT_TRUE(m.dialled().empty());
    m.dial_failed("a", DialFailure::kRefused);
    m.dial_failed("a", DialFailure::kRefused);
    EXPECT_EQ(m.status("a"), Status::kAlive);
}

TEST(AGoodbye, MakesTheEndThatFollowsItNoCrash) {
    Bench m("abcde", true, small());
    m.run(seconds(3), "abcde");
    ASSERT_FALSE(m.sent<Goodbye>().empty());
    const std::string peer = m.sent<Goodbye>().front().first;
    m.effects.clear();
    m.disconnected(peer, LinkEnd::kClosed);
    m.dial_failed(peer, DialFailure::kRefused);
    EXPECT_EQ(m.status(peer), Status::kAlive);
}

TEST(AGoodbye, ThatNobodyUnderstandsIsFollowedByAClose) {
    Bench m("abcde", true, small());
    m.run(seconds(20), "abcde");
    EXPECT_GT(closes(m), 0U);
}

TEST(ALargeMesh, StillSeesACrashBehindAClose) {
    Bench m("abcde", true, small());
    m.disconnected("a", LinkEnd::kClosed);
    EXPECT_EQ(m.dialled(), std::vector<std::string>{"a:7420"});
    m.dial_failed("a", DialFailure::kRefused);
    m.hear("b", accusation("a", version(1, 0), "b", Status::kSuspect, Evidence::kRefused));
    EXPECT_EQ(m.status("a"), Status::kDead);
}

TEST(ALargeMesh, DialsWhomItIsToProbe) {
    Options options = small();
    options.connections_max = 64;
    Bench m("abcde", false, options);
    m.run(seconds(4));
    EXPECT_FALSE(m.dialled().empty());
}

TEST(AnIndirectProbe, OfWhoIsNotConnectedDialsInALargeMesh) {
    Bench m("abcde", true, small());
    m.message("a", Goodbye{});
    m.effects.clear();
    m.message("b", IndirectPing{7, NodeId("a")});
    EXPECT_TRUE(m.sent<Nack>().empty());
    EXPECT_EQ(m.dialled(), std::vector<std::string>{"a:7420"});
    m.connected("a");
    ASSERT_EQ(m.sent<Ping>().size(), 1U);
    m.message("a", Ack{m.sent<Ping>()[0].second.seq});
    ASSERT_EQ(m.sent<Ack>().size(), 1U);
    EXPECT_EQ(m.sent<Ack>()[0].second.seq, 7U);
}

TEST(AMeshThatShrinks, IsFullyConnectedAgain) {
    Bench m("abcde", true, small());
    m.message("a", Goodbye{});
    for (const char* gone : {"d", "e"}) m.hear(gone, claim(gone, version(1, 1), true));
    m.effects.clear();
    m.run(seconds(1), "bc");
    EXPECT_EQ(m.dialled().front(), "a:7420");
}

}  // namespace
}  // namespace vidai::mesh::membership
