// SPDX-License-Identifier: Apache-2.0
// Rumors, state exchange, connections, farewells.
#include <gtest/gtest.h>

#include "tests/mesh/membership/harness.h"

namespace vidai::mesh::membership {
namespace {

std::vector<std::string> subjects(const std::vector<Rumor>& rumors) {
    std::vector<std::string> out;
    for (const Rumor& rumor : rumors) {
        if (const auto* c = std::get_if<ClaimRef>(&rumor)) {
            out.push_back((*c)->id.str());
        } else {
            out.push_back("!" + std::get<Accusation>(rumor).subject.str());
        }
    }
    return out;
}

Digest digest(const std::string& id, Version v, Status status = Status::kAlive) {
    return {NodeId(id), v, status};
}

TEST(Events, GoToAllAtOnceInASmallMesh) {
    Bench m("abcdefghi");
    m.hear("a", accusation("b", version(1, 0), "a"));
    EXPECT_EQ(m.sent<Gossip>().size(), 9U);
}

// Who says something new of itself all the time must not have all others pass on as much.
TEST(Events, OfOneMemberAreItsNewestWordOnceAnInterval) {
    Bench m("abcde");
    m.run(seconds(1), "abcde");
    m.effects.clear();
    for (std::uint32_t i = 1; i <= 1'000; ++i) m.hear("a", claim("a", version(1, i)));
    EXPECT_EQ(m.sent<Gossip>().size(), 5U) << "the first word at once";
    m.hear("b", accusation("c", version(1, 0), "b"));
    EXPECT_EQ(m.sent<Gossip>().size(), 10U) << "others are told of at once all the same";
    m.effects.clear();
    m.run(milliseconds(150), "abcde");
    const auto told = m.sent<Gossip>();
    ASSERT_EQ(told.size(), 5U);
    const auto* newest = std::get_if<ClaimRef>(&told[0].second.rumors.front());
    ASSERT_NE(newest, nullptr);
    EXPECT_EQ((*newest)->version, version(1, 1'000));
    EXPECT_EQ(m.core.rumors_queued(), 0U);
}

TEST(Events, ADozenAccusationsAreRefutedAtOnceAndThenOnceAnInterval) {
    Bench m("abcde");
    m.run(seconds(1), "abcde");
    m.effects.clear();
    for (std::uint32_t i = 0; i < 12; ++i) m.hear("a", accusation("m", version(1, i), "a"));
    EXPECT_EQ(m.sent<Gossip>().size(), 5U);
    m.run(milliseconds(150), "abcde");
    EXPECT_EQ(m.sent<Gossip>().size(), 10U);
}

TEST(Events, GoToAFewAtATimeInALargeMeshAndStopInTime) {
    Bench m("abcdefghijkn");
    m.run(seconds(5), "abcdefghijkn");
    m.effects.clear();
    m.hear("a", claim("b", version(1, 1)));
    EXPECT_TRUE(m.sent<Gossip>().empty());
    m.run(milliseconds(1), "");
    EXPECT_EQ(m.sent<Gossip>().size(), 4U);
    m.run(milliseconds(300), "abcdefghijkn");
    EXPECT_EQ(m.sent<Gossip>().size(), 8U);
    EXPECT_EQ(m.core.rumors_queued(), 0U);
}

TEST(Connecting, IntroducesThisNodeFirstAndTheLesserIdBeginsTheExchange) {
    Bench m;
    m.connected("z");
    ASSERT_EQ(m.sent<Gossip>().size(), 1U);
    EXPECT_EQ(subjects(m.sent<Gossip>()[0].second.rumors), std::vector<std::string>{"m"});
    EXPECT_EQ(m.sent<SyncRequest>().size(), 1U);
    m.effects.clear();
    m.connected("a");
    EXPECT_EQ(m.sent<Gossip>().size(), 1U);
    EXPECT_TRUE(m.sent<SyncRequest>().empty());
}

TEST(Connecting, MakesAJoiningNodeAlive) {
    Bench m;
    EXPECT_EQ(m.status("m"), Status::kJoining);
    m.connected("a");
    EXPECT_EQ(m.status("m"), Status::kAlive);
}

TEST(Exchange, SendsWhatTheOtherLacksAndAsksForWhatIsNewerThere) {
    Bench m("abc");
    m.message("c", SyncRequest{{},
                               {},
                               {digest("a", version(1, 0)), digest("b", version(1, 9)),
                                digest("new", version(1, 0))}});
    const auto replies = m.sent<SyncReply>();
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_EQ(subjects(replies[0].second.rumors), (std::vector<std::string>{"c", "m"}));
    EXPECT_EQ(replies[0].second.wanted, (std::vector<NodeId>{NodeId("b"), NodeId("new")}));
    m.message("c", SyncReply{{}, {NodeId("a"), NodeId("nobody")}});
    ASSERT_EQ(m.sent<SyncDelta>().size(), 1U);
    EXPECT_EQ(subjects(m.sent<SyncDelta>()[0].second.rumors), std::vector<std::string>{"a"});
}

TEST(Exchange, SaysNothingWhereBothKnowTheSame) {
    Bench m("ab");
    m.message("a", SyncRequest{{},
                               {},
                               {digest("a", version(1, 0)), digest("b", version(1, 0)),
                                digest("m", version(1, 0))}});
    EXPECT_TRUE(m.effects.empty());
}

TEST(Exchange, KeepsToTheRangeAskedFor) {
    Bench m("abc");
    m.message("c", SyncRequest{NodeId("b"), NodeId("c"), {}});
    ASSERT_EQ(m.sent<SyncReply>().size(), 1U);
    EXPECT_EQ(subjects(m.sent<SyncReply>()[0].second.rumors), std::vector<std::string>{"b"});
}

TEST(Exchange, ImportsADeathAsASuspicion) {
    Bench m("ab");
    m.message("b", SyncDelta{{accusation("a", version(1, 0), "b", Status::kDead)}});
    EXPECT_EQ(m.status("a"), Status::kSuspect);
}

TEST(Exchange, RefutesADigestThatCallsThisNodeDead) {
    Bench m("ab");
    m.message("b", SyncRequest{{}, {}, {digest("m", version(1, 0), Status::kDead)}});
    EXPECT_EQ(m.count(EventKind::kSelfRefuted), 1);
}

TEST(Exchange, HappensNowAndThenWithSomebody) {
    Bench m("ab");
    m.run(seconds(21), "ab");
    EXPECT_GE(m.sent<SyncRequest>().size(), 4U);
}

TEST(BrokenConnections, AreDialledAtOnceAndAgain) {
    Bench m("ab");
    m.disconnected("a", LinkEnd::kClosed);
    EXPECT_EQ(m.dialled(), std::vector<std::string>{"a:7420"});
    m.dial_failed("a", DialFailure::kUnreachable);
    m.run(milliseconds(251), "b");
    EXPECT_EQ(m.dialled().size(), 2U);
    EXPECT_EQ(m.status("a"), Status::kAlive);
}

TEST(RefusedDials, ByTwoObserversAfterACloseAreADeath) {
    Bench m("ab");
    m.disconnected("a", LinkEnd::kClosed);
    m.dial_failed("a", DialFailure::kRefused);
    EXPECT_EQ(m.status("a"), Status::kSuspect);
    m.hear("b", accusation("a", version(1, 0), "b", Status::kSuspect, Evidence::kRefused));
    EXPECT_EQ(m.status("a"), Status::kDead);
}

TEST(RefusedDials, OfOthersKillNobodyWhoseConnectionWeHold) {
    Bench m("abc");
    m.hear("b", accusation("a", version(1, 0), "b", Status::kSuspect, Evidence::kRefused));
    m.hear("c", accusation("a", version(1, 0), "c", Status::kSuspect, Evidence::kRefused));
    EXPECT_EQ(m.status("a"), Status::kSuspect);
}

TEST(RefusedDials, CountOnlyAfterAConnectionWasClosed) {
    Bench m("ab");
    m.disconnected("a", LinkEnd::kTimeout);
    m.dial_failed("a", DialFailure::kRefused);
    EXPECT_EQ(m.status("a"), Status::kAlive);
}

TEST(UnreachableDials, AreNoEvidence) {
    Bench m("ab");
    m.disconnected("a", LinkEnd::kClosed);
    for (int i = 0; i < 5; ++i) m.dial_failed("a", DialFailure::kUnreachable);
    EXPECT_EQ(m.status("a"), Status::kAlive);
}

TEST(TwoMembers, NeedThreeRefusalsOverASecond) {
    Bench m("a");
    m.disconnected("a", LinkEnd::kClosed);
    for (int i = 0; i < 4; ++i) {
        m.dial_failed("a", DialFailure::kRefused);
        EXPECT_EQ(m.status("a"), Status::kSuspect);
        m.run(milliseconds(260));
    }
    m.dial_failed("a", DialFailure::kRefused);
    EXPECT_EQ(m.status("a"), Status::kDead);
}

TEST(TheLastOfThree, NeedsThreeRefusalsOverASecondOfBothOthers) {
    for (const bool both : {false, true}) {
        Bench m("ab");
        m.disconnected("a", LinkEnd::kClosed);
        if (both) m.disconnected("b", LinkEnd::kClosed);
        for (int i = 0; i < 4; ++i) {
            EXPECT_NE(m.status("a"), Status::kDead);
            m.dial_failed("a", DialFailure::kRefused);
            if (both) m.dial_failed("b", DialFailure::kRefused);
            m.run(milliseconds(260), both ? "" : "b");
        }
        m.dial_failed("a", DialFailure::kRefused);
        if (both) m.dial_failed("b", DialFailure::kRefused);
        EXPECT_EQ(m.status("a"), both ? Status::kDead : Status::kSuspect);
        EXPECT_EQ(m.status("b"), both ? Status::kDead : Status::kAlive);
    }
}

TEST(TheDead, AreDialledForEver) {
    Bench m("ab");
    m.disconnected("a", LinkEnd::kTimeout);
    m.hear("b", accusation("a", version(1, 0), "b", Status::kDead));
    m.dial_failed("a", DialFailure::kUnreachable);
    m.run(std::chrono::hours(24), "b");
    m.effects.clear();
    m.run(seconds(66), "b");  // aged by now: once a minute
    const auto dialled = m.dialled();
    EXPECT_GE(std::count(dialled.begin(), dialled.end(), "a:7420"), 1);
    EXPECT_GE(std::count(dialled.begin(), dialled.end(), "seed:7420"), 13);
}

TEST(TheDead, StillConnectedAreToldSoByAPing) {
    Bench m("ab");
    m.run(seconds(2), "ab");
    m.hear("b", accusation("a", version(1, 0), "b", Status::kDead));
    m.effects.clear();
    m.run(seconds(6), "");
    bool told = false;
    for (const auto& [to, ping] : m.sent<Ping>()) {
        told = told || (to == "a" && ping.target.status == Status::kDead);
    }
    EXPECT_TRUE(told);
}

TEST(Leaving, TellsAllConnectedInANewIncarnationAndThenSaysSo) {
    Bench m("abc");
    m.give([&](Effects& out) { m.core.leave(m.now, out); });
    ASSERT_EQ(m.sent<Gossip>().size(), 3U);
    const auto farewell = std::get<ClaimRef>(m.sent<Gossip>()[0].second.rumors[0]);
    EXPECT_TRUE(farewell->left);
    EXPECT_EQ(farewell->version, version(1, 1));
    m.run(milliseconds(201));
    EXPECT_EQ(m.count(EventKind::kSelfLeft), 1);
}

TEST(Leaving, EndsProbingButNotAnswering) {
    Bench m("abc");
    m.give([&](Effects& out) { m.core.leave(m.now, out); });
    m.effects.clear();
    m.run(seconds(20));
    EXPECT_TRUE(m.sent<Ping>().empty());
    EXPECT_TRUE(m.dialled().empty());
    m.message("a", Ping{1, Digest{NodeId("m"), version(1, 1), Status::kLeft}});
    EXPECT_EQ(m.sent<Ack>().size(), 1U);
}

TEST(AnAddress, IsAnAttributeThatANewIncarnationCarries) {
    Bench m("ab");
    m.give([&](Effects& out) { m.core.set_address(m.now, "elsewhere:1", out); });
    EXPECT_EQ(m.core.self()->address, "elsewhere:1");
    EXPECT_EQ(m.core.self()->version, version(1, 1));
    EXPECT_EQ(m.sent<Gossip>().size(), 2U);
}

TEST(ACertificate, RenewedRaisesTheSerialAndNeverLowersIt) {
    Bench m("ab");
    m.give([&](Effects& out) { m.core.renew(m.now, m.core.self()->key, 5, "chain", out); });
    EXPECT_EQ(m.core.self()->version, version(1, 1, 5));
    EXPECT_EQ(m.core.self()->credential, "chain");
    m.give([&](Effects& out) { m.core.renew(m.now, m.core.self()->key, 4, "old", out); });
    EXPECT_EQ(m.core.self()->credential, "chain");
}

}  // namespace
}  // namespace vidai::mesh::membership
