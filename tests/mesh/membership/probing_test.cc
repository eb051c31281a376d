// SPDX-License-Identifier: Apache-2.0
// Liveness and our own health.
#include <gtest/gtest.h>

#include "tests/mesh/membership/harness.h"

namespace vidai::mesh::membership {
namespace {

// Runs until the core has probed `target` directly; its ping.
Ping until_pinged(Bench& m, const std::string& target, const std::string& answering) {
    for (int i = 0; i < 2000; ++i) {
        for (const auto& [to, ping] : m.sent<Ping>()) {
            if (to == target) return ping;
        }
        m.run(milliseconds(10), answering);
    }
    ADD_FAILURE() << target << " was never probed";
    return {};
}

TEST(Probes, GoRoundAllMembersEachOnceARound) {
    Bench m("abcd");
    m.run(milliseconds(4 * 500 + 499), "abcd");
    std::vector<std::string> order;
    for (const auto& [to, ping] : m.sent<Ping>()) order.push_back(to);
    ASSERT_GE(order.size(), 4U);
    std::sort(order.begin(), order.begin() + 4);
    EXPECT_EQ(std::vector<std::string>(order.begin(), order.begin() + 4),
              (std::vector<std::string>{"a", "b", "c", "d"}));
}

TEST(Probes, TellASuspectWhatWeThinkOfIt) {
    Bench m("ab");
    m.hear("b", accusation("a", version(1, 0), "b"));
    const Ping ping = until_pinged(m, "a", "b");
    EXPECT_EQ(ping.target.status, Status::kSuspect);
    EXPECT_EQ(ping.target.version, version(1, 0));
}

TEST(Probes, UnansweredAskHelpersAndThenMakeASuspect) {
    Bench m("abc");
    until_pinged(m, "a", "bc");
    m.run(milliseconds(260), "bc");
    EXPECT_EQ(m.sent<IndirectPing>().size(), 2U);
    EXPECT_EQ(m.status("a"), Status::kAlive);
    m.run(milliseconds(300), "bc");
    EXPECT_EQ(m.status("a"), Status::kSuspect);
}

TEST(Probes, AnsweredThroughAHelperMakeNoSuspect) {
    Bench m("abc");
    const Ping ping = until_pinged(m, "a", "bc");
    m.run(milliseconds(260), "bc");
    m.message("b", Ack{ping.seq});
    m.run(milliseconds(240), "bc");
    EXPECT_EQ(m.status("a"), Status::kAlive);
    EXPECT_EQ(m.core.counters().probes_failed, 0U);
}

TEST(Probes, AreNotAnsweredByWhoWasNotAsked) {
    Bench m("ab");
    m.hear("a", claim("z", version(1, 0)));
    const Ping ping = until_pinged(m, "a", "b");
    m.message("z", Ack{ping.seq});
    m.run(milliseconds(600), "b");
    EXPECT_EQ(m.status("a"), Status::kSuspect);
}

TEST(Probes, GoOutAgainOnAConnectionThatReplacedTheirs) {
    Bench m("ab");
    const Ping ping = until_pinged(m, "a", "b");
    m.effects.clear();
    m.connected("a");
    ASSERT_EQ(m.sent<Ping>().size(), 1U);
    EXPECT_EQ(m.sent<Ping>()[0].second.seq, ping.seq);
}

TEST(Probes, OfAMemberThatOnceAnsweredVeryLateSoonGoOnAtTheirPace) {
    Bench m("ab");
    m.run(seconds(3), "ab");
    const std::size_t before = m.sent<Ping>().size();
    const auto waits_for_a = [&] {
        return m.sent<Ping>().size() > before && m.sent<Ping>().back().first == "a";
    };
    for (int i = 0; i < 200 && !waits_for_a(); ++i) m.run(milliseconds(10), "b");
    ASSERT_TRUE(waits_for_a());
    m.run(milliseconds(450), "b");  // a partition heals, and a connection delivers what it held
    m.message("a", Ack{m.sent<Ping>().back().second.seq});
    const std::size_t late = m.sent<Ping>().size();
    m.run(seconds(10), "ab");
    EXPECT_GE(m.sent<Ping>().size() - late, 14U);
}

// The kernel resends what waited on a connection as soon as a partition has healed.
TEST(Probes, OfAMemberThatEndsASilenceGoOnAtTheirPace) {
    Bench m("ab");
    m.run(seconds(3), "ab");
    const auto failed = [&] { return m.core.counters().probes_failed; };
    for (int i = 0; i < 200 && failed() == 0; ++i) m.run(milliseconds(10), "b");
    ASSERT_EQ(failed(), 1U);
    const auto waits_for_a = [&] { return m.sent<Ping>().back().first == "a"; };
    for (int i = 0; i < 200 && !waits_for_a(); ++i) m.run(milliseconds(10), "b");
    m.run(milliseconds(450), "b");
    m.message("a", Ack{m.sent<Ping>().back().second.seq});
    m.hear("a", claim("a", version(1, 1)));
    m.run(seconds(1), "ab");
    const std::size_t late = m.sent<Ping>().size();
    m.run(seconds(10), "ab");
    EXPECT_GE(m.sent<Ping>().size() - late, 19U);
}

TEST(Probes, OfAloneNodeAreNone) {
    Bench m;
    m.run(seconds(60));
    EXPECT_TRUE(m.sent<Ping>().empty());
    EXPECT_EQ(m.core.health(), 0U);
}

TEST(ThreeMembers, DeclareADeathEarlyOnlyWithTheOthersNack) {
    for (const bool nacked : {false, true}) {
        Bench m("ab");
        m.run(seconds(2), "ab");
        const std::size_t before = m.sent<Ping>().size();
        const auto waits_for_a = [&] {
            return m.sent<Ping>().size() > before && m.sent<Ping>().back().first == "a";
        };
        for (int i = 0; i < 200 && !waits_for_a(); ++i) m.run(milliseconds(10), "b");
        ASSERT_TRUE(waits_for_a());
        const Ping ping = m.sent<Ping>().back().second;
        m.run(milliseconds(260), "b");
        if (nacked) m.message("b", Nack{ping.seq});
        m.run(milliseconds(300), "");
        EXPECT_EQ(m.status("a"), Status::kSuspect);
        EXPECT_EQ(m.core.health() > 0, !nacked);
        m.run(milliseconds(1600), "b");
        EXPECT_EQ(m.status("a"), nacked ? Status::kDead : Status::kSuspect);
    }
}

TEST(TwoMembers, WaitForTheLoneTimeAndCapTheirOwnDoubt) {
    Bench m("a");
    until_pinged(m, "a", "");
    m.run(milliseconds(510));
    EXPECT_EQ(m.status("a"), Status::kSuspect);
    EXPECT_EQ(m.core.health(), 1U);
    m.run(milliseconds(2950));
    EXPECT_EQ(m.status("a"), Status::kSuspect);
    m.run(milliseconds(100));
    EXPECT_EQ(m.status("a"), Status::kDead);
}

TEST(Health, WorsensWithSilentHelpersAndRecoversWithAnswers) {
    Bench m("abcd");
    m.run(seconds(3));
    const std::uint32_t ill = m.core.health();
    EXPECT_GE(ill, 3U);
    EXPECT_LE(ill, 8U);
    m.run(seconds(30), "abcd");
    EXPECT_LT(m.core.health(), ill);
}

TEST(Health, IsBackAfterAsManyAnswersAsItsStepsAtTheUsualPace) {
    Bench m("abcd");
    m.run(seconds(5));
    const std::uint32_t ill = m.core.health();
    ASSERT_GE(ill, 5U);
    m.run(milliseconds(4500), "");  // what is in flight ends
    const std::uint32_t worst = m.core.health();
    m.run(milliseconds(4500) + worst * milliseconds(500), "abcd");
    EXPECT_EQ(m.core.health(), 0U);
}

TEST(Health, SlowsNoProbeOfWhomWeAccuseAlready) {
    Bench m("ab");
    until_pinged(m, "a", "");
    m.run(seconds(3), "");
    ASSERT_EQ(m.status("a"), Status::kSuspect);
    ASSERT_EQ(m.status("b"), Status::kSuspect);
    ASSERT_GE(m.core.health(), 2U);
    const std::size_t before = m.sent<Ping>().size();
    m.run(milliseconds(2000), "");
    EXPECT_GE(m.sent<Ping>().size() - before, 4U);
}

TEST(Health, SlowsNoProbeOfWhoIsConnectedToNobody) {
    Bench m("abcd");
    m.run(seconds(5));
    for (const char* id : {"a", "b", "c", "d"}) m.hear(id, claim(id, version(1, 1)));
    m.run(milliseconds(4500), "");  // what is in flight ends
    for (const char* id : {"a", "b", "c", "d"}) m.hear("a", claim(id, version(1, 2)));
    for (const char* id : {"a", "b", "c", "d"}) m.disconnected(id, LinkEnd::kTimeout);
    ASSERT_GE(m.core.health(), 5U);
    const std::uint64_t failed = m.core.counters().probes_failed;
    m.run(milliseconds(4500 + 4 * 500 + 10), "");
    EXPECT_GE(m.core.counters().probes_failed - failed, 4U);
    for (const char* id : {"a", "b", "c", "d"}) EXPECT_EQ(m.status(id), Status::kSuspect);
}

// Patience is for answers that may be late; helpers that all say no in time show that none is.
TEST(Health, SlowsNoProbeThatAllHelpersSayNoTo) {
    for (const std::string helpers : {"bcd", "bc"}) {
        Bench m("abcd");
        m.run(seconds(5));
        for (const char* id : {"a", "b", "c", "d"}) m.hear(id, claim(id, version(1, 1)));
        const std::size_t asked = m.sent<IndirectPing>().size();
        const auto asks_for_a = [&] {
            const auto all = m.sent<IndirectPing>();
            return all.size() > asked && all.back().second.target.str() == "a";
        };
        for (int i = 0; i < 1000 && !asks_for_a(); ++i) m.run(milliseconds(10), "bcd");
        ASSERT_TRUE(asks_for_a());
        ASSERT_GE(m.core.health(), 2U);
        ASSERT_EQ(m.status("a"), Status::kAlive);
        for (const char helper : helpers) {
            m.message({helper}, Nack{m.sent<IndirectPing>().back().second.seq});
        }
        m.run(milliseconds(20), "bcd");
        EXPECT_EQ(m.status("a"), helpers == "bcd" ? Status::kSuspect : Status::kAlive);
    }
}

TEST(Pings, AreAnsweredAndOneThatAccusesIsRefuted) {
    Bench m("ab");
    m.message("a", Ping{77, Digest{NodeId("m"), version(1, 0), Status::kAlive}});
    ASSERT_EQ(m.sent<Ack>().size(), 1U);
    EXPECT_EQ(m.sent<Ack>()[0].second.seq, 77U);
    EXPECT_EQ(m.count(EventKind::kSelfRefuted), 0);
    m.message("a", Ping{78, Digest{NodeId("m"), version(1, 0), Status::kSuspect}});
    EXPECT_EQ(m.count(EventKind::kSelfRefuted), 1);
}

TEST(Pings, ForAnotherNodeAreNotAnswered) {
    Bench m("ab");
    m.message("a", Ping{77, Digest{NodeId("b"), version(1, 0), Status::kAlive}});
    EXPECT_TRUE(m.sent<Ack>().empty());
}

TEST(Helpers, PassOnAnAnswerAndSayNoWhenThereIsNone) {
    Bench m("ab");
    m.message("a", IndirectPing{5, NodeId("b")});
    const auto pings = m.sent<Ping>();
    ASSERT_EQ(pings.size(), 1U);
    m.message("b", Ack{pings[0].second.seq});
    ASSERT_EQ(m.sent<Ack>().size(), 1U);
    EXPECT_EQ(m.sent<Ack>()[0].first, "a");
    EXPECT_EQ(m.sent<Ack>()[0].second.seq, 5U);
    m.message("a", IndirectPing{6, NodeId("b")});
    m.run(milliseconds(400), "");
    ASSERT_FALSE(m.sent<Nack>().empty());
    EXPECT_EQ(m.sent<Nack>()[0].second.seq, 6U);
}

TEST(Helpers, SayNoAtOnceWhereTheyHaveNoConnectionEither) {
    Bench m("ab");
    m.disconnected("b", LinkEnd::kTimeout);
    m.message("a", IndirectPing{6, NodeId("b")});
    EXPECT_EQ(m.sent<Nack>().size(), 1U);
}

TEST(Helpers, AreThereForTheOthersWhoeverAsksAllTheTime) {
    Bench m("abc");
    for (std::uint64_t seq = 1; seq <= 100; ++seq) m.message("a", IndirectPing{seq, NodeId("b")});
    const std::size_t pings = m.sent<Ping>().size();
    EXPECT_GE(pings, 4U);
    m.message("c", IndirectPing{7, NodeId("b")});
    ASSERT_EQ(m.sent<Ping>().size(), pings + 1);
    m.message("b", Ack{m.sent<Ping>().back().second.seq});
    ASSERT_EQ(m.sent<Ack>().size(), 1U);
    EXPECT_EQ(m.sent<Ack>()[0].first, "c");
}

TEST(Pause, OfThisProcessIsBlamedOnNobody) {
    Bench m("ab");
    m.hear("b", accusation("a", version(1, 0), "b"));
    m.now += seconds(20);  // timers could not fire
    m.run(milliseconds(0), "ab");
    EXPECT_EQ(m.count(EventKind::kPaused), 1);
    EXPECT_EQ(m.status("a"), Status::kSuspect);
    m.hear("a", claim("a", version(1, 1)));
    m.run(seconds(8), "ab");
    EXPECT_EQ(m.status("a"), Status::kAlive);
}

TEST(Timers, ThatAreStaleOrMadeUpAreIgnored) {
    Bench m("ab");
    const std::vector<ArmTimer> first = m.timers;
    m.run(seconds(3), "ab");
    m.effects.clear();
    const std::size_t armed = m.timers.size();
    for (const ArmTimer& timer : first) {
        m.give([&](Effects& out) { m.core.on_timer(m.now, timer.token, out); });
    }
    for (std::uint64_t kind = 0; kind < 256; ++kind) {
        const TimerToken token{kind << 56 | 0xffffffU};
        m.give([&](Effects& out) { m.core.on_timer(m.now, token, out); });
    }
    EXPECT_TRUE(m.effects.empty());
    EXPECT_EQ(m.timers.size(), armed);
}

}  // namespace
}  // namespace vidai::mesh::membership
