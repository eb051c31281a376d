// SPDX-License-Identifier: Apache-2.0
// Who is believed about whom.
#include <gtest/gtest.h>

#include "tests/mesh/membership/harness.h"

namespace vidai::mesh::membership {
namespace {

TEST(Claims, OfAnUnknownNodeMakeAMemberThatIsDialledAndToldToTheOthers) {
    Bench m("ab");
    m.hear("a", claim("c", version(1, 0)));
    EXPECT_EQ(m.status("c"), Status::kAlive);
    EXPECT_EQ(m.count(EventKind::kJoined), 1);
    EXPECT_EQ(m.dialled(), std::vector<std::string>{"c:7420"});
    EXPECT_EQ(m.sent<Gossip>().size(), 2U);
}

TEST(Claims, WithABadSignatureChangeNothing) {
    Bench m("ab");
    Claim forged = *claim("a", version(9, 9), true);
    forged.signature[0] = kForged;
    m.hear("b", std::make_shared<const Claim>(forged));
    EXPECT_EQ(m.status("a"), Status::kAlive);
    EXPECT_EQ(m.view("a").generation.value, 1U);
    EXPECT_EQ(m.core.counters().claims_rejected, 1U);
}

TEST(Claims, OfAGreaterGenerationAreAcceptedAtOnceWhateverTheAddress) {
    Bench m("ab");
    m.hear("b", accusation("a", version(1, 0), "b"));
    m.hear("b", accusation("a", version(1, 0), "b", Status::kDead));
    ASSERT_EQ(m.status("a"), Status::kDead);
    m.hear("b", claim("a", version(2, 0), false, "b:7420"));
    EXPECT_EQ(m.status("a"), Status::kAlive);
    EXPECT_EQ(m.view("a").address, "b:7420");
    EXPECT_EQ(m.status("b"), Status::kAlive);
}

TEST(Claims, OfANewerCertificateBeatAGreaterGenerationOfAnOlderOne) {
    Bench m("ab");
    m.hear("b", claim("a", version(7, 3)));
    m.hear("b", claim("a", version(1, 0, 1)));
    EXPECT_EQ(m.view("a").generation.value, 1U);
    m.hear("b", claim("a", version(8, 0)));
    EXPECT_EQ(m.view("a").generation.value, 1U);
}

// Once each renewal was told as a node that is back, and counted as a crash.
TEST(Claims, WithARenewedCertificateAreOfTheSameLife) {
    Bench m("ab");
    const MonoTime since = m.view("a").since;
    m.run(seconds(3), "ab");
    m.effects.clear();
    m.hear("a", claim("a", version(1, 1, 7)));
    EXPECT_EQ(m.count(EventKind::kUpdated), 1);
    EXPECT_EQ(m.count(EventKind::kAlive), 0);
    EXPECT_EQ(m.view("a").since, since);
    auto other = std::make_shared<Claim>(*claim("a", version(1, 0, 8)));
    other->key[0] = 1;
    m.hear("a", ClaimRef(other));
    EXPECT_EQ(m.count(EventKind::kAlive), 1) << "its volume was lost: another process";
}

TEST(Claims, OfAnOlderVersionChangeNothing) {
    Bench m("ab");
    m.hear("b", claim("a", version(2, 5)));
    m.hear("b", claim("a", version(2, 4), true));
    m.hear("b", claim("a", version(1, 9), true));
    EXPECT_EQ(m.status("a"), Status::kAlive);
    EXPECT_EQ(m.view("a").incarnation.value, 5U);
}

ClaimRef signed_so(ClaimRef said, std::uint8_t byte) {
    Claim other = *said;
    other.signature[5] = byte;
    return std::make_shared<const Claim>(std::move(other));
}

TEST(TwoProcessesWithOneIdentity, AreJudgedAlikeByAllWhoeverIsHeardFirst) {
    const ClaimRef low = signed_so(claim("a", version(3, 0), false, "x:1"), 1);
    const ClaimRef high = signed_so(claim("a", version(3, 0), false, "y:1"), 2);
    Bench one("b"), two("b");
    one.hear("b", low);
    one.hear("b", high);
    two.hear("b", high);
    two.effects.clear();
    two.hear("b", low);
    two.run(milliseconds(150), "b");
    EXPECT_EQ(one.view("a").address, "y:1");
    EXPECT_EQ(two.view("a").address, "y:1");
    ASSERT_EQ(two.sent<Gossip>().size(), 1U) << "whoever spoke the other word must hear this one";
    EXPECT_EQ(std::get<ClaimRef>(two.sent<Gossip>()[0].second.rumors[0])->address, "y:1");
}

TEST(TwoProcessesWithOneIdentity, EndInOneThatGoesOn) {
    Bench m("b");
    const ClaimRef mine = m.core.self();
    m.hear("b", signed_so(mine, 1));  // ours is all zeros
    EXPECT_EQ(m.count(EventKind::kSuperseded), 1);
    m.hear("b", signed_so(mine, 1));
    EXPECT_EQ(m.count(EventKind::kSuperseded), 1) << "told once";
}

TEST(Left, BeatsDeadAndSuspectOfTheSameVersion) {
    Bench m("ab");
    m.hear("a", claim("a", version(1, 1), true));
    m.hear("b", accusation("a", version(1, 1), "b"));
    m.hear("b", accusation("a", version(1, 1), "b", Status::kDead));
    EXPECT_EQ(m.status("a"), Status::kLeft);
    EXPECT_EQ(m.count(EventKind::kLeft), 1);
}

TEST(Dead, BeatsSuspectAndAliveOfTheSameVersion) {
    Bench m("ab");
    m.hear("b", accusation("a", version(1, 0), "b"));
    m.hear("b", accusation("a", version(1, 0), "b", Status::kDead));
    m.hear("b", accusation("a", version(1, 0), "b"));
    m.hear("b", claim("a", version(1, 0)));
    EXPECT_EQ(m.status("a"), Status::kDead);
}

TEST(Suspicion, IsRefutedByAHigherIncarnation) {
    Bench m("ab");
    m.hear("b", accusation("a", version(1, 0), "b"));
    ASSERT_EQ(m.status("a"), Status::kSuspect);
    m.hear("b", claim("a", version(1, 1)));
    EXPECT_EQ(m.status("a"), Status::kAlive);
    m.run(seconds(7), "ab");
    EXPECT_EQ(m.status("a"), Status::kAlive);
}

TEST(Suspicion, IsNotBelievedOfAVersionThatNobodySigned) {
    Bench m("ab");
    m.hear("b", accusation("a", version(1, 5), "b"));
    EXPECT_EQ(m.status("a"), Status::kAlive);
}

TEST(Suspicion, IsNotBelievedOfAnAccuserNobodyKnows) {
    Bench m("ab");
    m.hear("b", accusation("a", version(1, 0), "stranger"));
    EXPECT_EQ(m.status("a"), Status::kAlive);
}

TEST(Suspicion, OfTenEndsAfterTheMaximumAloneAndTheMinimumWhenConfirmed) {
    for (const bool confirmed : {false, true}) {
        Bench m("abcdefghi");
        m.run(seconds(5), "abcdefghi");  // all have answered once
        m.hear("b", accusation("a", version(1, 0), "b"));
        if (confirmed) {
            for (const char* by : {"c", "d", "e"}) m.hear(by, accusation("a", version(1, 0), by));
        }
        m.run(milliseconds(1499), "abcdefghi");
        EXPECT_EQ(m.status("a"), Status::kSuspect);
        m.run(milliseconds(2), "abcdefghi");
        EXPECT_EQ(m.status("a"), confirmed ? Status::kDead : Status::kSuspect);
        m.run(milliseconds(4600), "abcdefghi");
        EXPECT_EQ(m.status("a"), Status::kDead);
    }
}

// On a link of 8 kB/s all that a connection begins with was before the refutation.
TEST(Suspicion, OfWhomNoAnswerCameFromItsAddressYetHasTheMaximumThoughConfirmed) {
    for (const bool moved : {false, true}) {
        Bench m("abcdefghi");
        m.run(seconds(5), "abcdefghi");
        m.hear("a", claim("a", version(2, 0), false, moved ? "x:7420" : "a:7420"));
        for (const char* by : {"b", "c", "d", "e"}) m.hear(by, accusation("a", version(2, 0), by));
        m.run(milliseconds(1501), "bcdefghi");
        EXPECT_EQ(m.status("a"), moved ? Status::kSuspect : Status::kDead);
        m.run(milliseconds(4498), "bcdefghi");
        EXPECT_EQ(m.status("a"), moved ? Status::kSuspect : Status::kDead);
        m.run(milliseconds(2), "bcdefghi");
        EXPECT_EQ(m.status("a"), Status::kDead);
    }
}

TEST(Suspicion, EndsInItsTimeThoughItsTimerCameEarly) {
    Bench m("abcdefghi");
    m.hear("b", accusation("a", version(1, 0), "b"));
    const std::vector<ArmTimer> armed = m.timers;
    m.run(milliseconds(5999), "abcdefghi");
    ASSERT_EQ(m.status("a"), Status::kSuspect);
    for (const ArmTimer& timer : armed) {
        if (timer.at != m.now + milliseconds(1)) continue;
        std::erase_if(m.timers, [&](const ArmTimer& t) { return t.token == timer.token; });
        m.give([&](Effects& out) { m.core.on_timer(m.now, timer.token, out); });
    }
    EXPECT_EQ(m.status("a"), Status::kSuspect);
    m.run(milliseconds(2), "abcdefghi");
    EXPECT_EQ(m.status("a"), Status::kDead);
}

TEST(Suspicion, RepeatedByOneAccuserIsNoConfirmation) {
    Bench m("abcdefghi");
    for (int i = 0; i < 5; ++i) m.hear("b", accusation("a", version(1, 0), "b"));
    m.run(milliseconds(3000), "abcdefghi");
    EXPECT_EQ(m.status("a"), Status::kSuspect);
}

TEST(Refutation, AnswersAnAccusationAtOnceWithTheNextIncarnation) {
    Bench m("ab");
    m.hear("b", accusation("m", version(1, 0), "a"));
    EXPECT_EQ(m.view("m").incarnation.value, 1U);
    EXPECT_EQ(m.count(EventKind::kSelfRefuted), 1);
    EXPECT_EQ(m.sent<Gossip>().size(), 2U);
    EXPECT_EQ(m.core.health(), 1U);
    m.hear("b", accusation("m", version(1, 0), "a", Status::kDead));
    EXPECT_EQ(m.view("m").incarnation.value, 1U);
}

// One member's word that another is dead, which none but a liar says of who answers.
TEST(Hearsay, KillsNobodyWhoAnswersUs) {
    Bench m("abc");
    m.run(seconds(3), "abc");
    m.hear("b", accusation("a", version(1, 0), "c", Status::kDead));
    EXPECT_EQ(m.status("a"), Status::kSuspect);
    m.run(seconds(1), "abc");
    m.hear("b", accusation("a", version(1, 0), "b", Status::kDead));
    EXPECT_EQ(m.status("a"), Status::kSuspect) << "it has answered since";
    m.hear("a", claim("a", version(1, 1)));
    EXPECT_EQ(m.status("a"), Status::kAlive);
    m.disconnected("c", LinkEnd::kTimeout);
    m.hear("b", accusation("c", version(1, 0), "b", Status::kDead));
    EXPECT_EQ(m.status("c"), Status::kDead) << "nothing that we see ourselves speaks against it";
}

TEST(Superseded, IsToldOnceWhenANewerLifeOfThisIdentityIsHeardOf) {
    Bench m("ab");
    m.hear("a", claim("m", version(2, 0)));
    m.hear("b", claim("m", version(2, 0)));
    EXPECT_EQ(m.count(EventKind::kSuperseded), 1);
    EXPECT_EQ(m.view("m").generation.value, 1U);
}

TEST(SetBack, AMemberIsToldOfItsLaterStartEachTimeItSpeaksUntilItHasOneAboveThat) {
    Bench m("a");
    m.hear("a", claim("a", version(7, 2, 10)));
    m.effects.clear();
    m.hear("a", claim("a", version(3, 0, 20)));  // its newer certificate wins
    EXPECT_EQ(m.view("a").generation.value, 3U);
    ASSERT_EQ(m.sent<Gossip>().size(), 1U);
    EXPECT_EQ(std::get<ClaimRef>(m.sent<Gossip>()[0].second.rumors[0])->version, version(7, 2, 10));
    m.hear("a", claim("a", version(3, 1, 20)));
    EXPECT_EQ(m.sent<Gossip>().size(), 2U) << "the first may have been lost with its connection";
    m.hear("a", claim("a", version(8, 2, 20)));
    m.hear("a", claim("a", version(8, 3, 20)));
    EXPECT_EQ(m.sent<Gossip>().size(), 2U) << "it knows";
}

TEST(SetBack, IsNotARenewedCertificateNorANewKeyNorTheNextStart) {
    Bench m("a");
    m.hear("a", claim("a", version(7, 2, 10)));
    m.hear("a", claim("a", version(7, 3, 20)));
    m.hear("a", claim("a", version(8, 0, 30)));
    auto wiped = std::make_shared<Claim>(*claim("a", version(1, 0, 40)));
    wiped->key[0] = 1;
    m.hear("a", ClaimRef(wiped));
    EXPECT_TRUE(m.sent<Gossip>().empty());
}

TEST(SetBack, TheSameStartTwiceIsOneToo) {
    Bench m("a");
    m.hear("a", claim("a", version(7, 2, 10)));
    m.effects.clear();
    m.hear("a", claim("a", version(7, 0, 20)));
    EXPECT_EQ(m.sent<Gossip>().size(), 1U);
}

// Node "m" of generation 1 by its second certificate.
struct Restored : Bench {
    Restored() : Bench("ab", true, {}, {}, 20) {}
};

TEST(SetBack, ANodeGoesOnAboveTheLatestStartThatTheOthersKnow) {
    Restored m;
    m.hear("a", claim("m", version(7, 2, 10)));
    EXPECT_EQ(m.count(EventKind::kSetBack), 1);
    EXPECT_EQ(m.count(EventKind::kSuperseded), 0);
    EXPECT_EQ(m.view("m").generation.value, 8U);
    EXPECT_EQ(m.core.self()->version.serial, 20U);
    m.hear("b", claim("m", version(7, 2, 10)));
    EXPECT_EQ(m.count(EventKind::kSetBack), 1) << "told once";
    m.hear("b", claim("m", version(8, 0, 15)));
    EXPECT_EQ(m.view("m").generation.value, 9U) << "as much is not enough: that one had it";
}

TEST(SetBack, ANodeBelievesOnlyItsOwnSignature) {
    Restored m;
    auto forged = std::make_shared<Claim>(*claim("m", version(7, 2, 10)));
    forged->signature[0] = kForged;
    m.hear("a", ClaimRef(forged));
    auto other = std::make_shared<Claim>(*claim("m", version(7, 2, 10)));
    other->key[0] = 1;  // before its volume was lost
    m.hear("a", ClaimRef(other));
    EXPECT_EQ(m.count(EventKind::kSetBack), 0);
    EXPECT_EQ(m.view("m").generation.value, 1U);
}

TEST(SetBack, IsNotAnOlderStartNorThisOneBeforeItsCertificateWasRenewed) {
    Restored m;
    m.hear("a", claim("m", version(0, 9, 10)));
    m.give([&](Effects& out) { m.core.renew(m.now, {}, 30, {}, out); });
    m.hear("a", claim("m", version(1, 0, 20)));
    EXPECT_EQ(m.count(EventKind::kSetBack), 0);
}

TEST(Roster, IsBoundedAndSaysWhenItRefuses) {
    Options options;
    options.members_max = 3;
    Bench m("ab", true, options);
    m.hear("a", claim("c", version(1, 0)));
    EXPECT_EQ(m.core.members().size(), 3U);
    EXPECT_EQ(m.core.counters().members_refused, 1U);
}

// After a week's rest no certificate of the others is valid any more.
TEST(Roster, OfClaimsThatDoNotStandStillSaysWhereToAsk) {
    const auto expired = [](const std::string& id) {
        auto claim = std::make_shared<Claim>(*membership::claim(id, version(1, 0)));
        claim->signature[0] = kForged;
        return claim;
    };
    const auto dials_of_a = [](const Bench& m) {
        return std::ranges::count(m.dialled(), "a:7420");
    };
    Bench m("", true, {}, {expired("a")});
    m.give([&](Effects& out) { m.core.join(m.now, {}, out); });
    EXPECT_EQ(m.core.members().size(), 1U);
    m.run(seconds(60));
    EXPECT_GE(dials_of_a(m), 2);
    m.connected("b");
    m.hear("b", claim("b", version(1, 0)));
    const auto before = dials_of_a(m);
    m.run(seconds(60), "b");
    EXPECT_EQ(dials_of_a(m), before) << "who is not alone needs no hint";
}

TEST(Roster, ForgetsNobody) {
    Bench m("ab");
    m.hear("b", accusation("a", version(1, 0), "b", Status::kDead));
    m.run(std::chrono::hours(2), "b");
    EXPECT_EQ(m.status("a"), Status::kDead);
    EXPECT_EQ(m.core.claims().size(), 2U);
}

TEST(Forgetting, RemovesAMemberForGood) {
    Bench m("ab");
    m.hear("b", accusation("a", version(1, 0), "b", Status::kDead));
    m.disconnected("a", LinkEnd::kClosed);
    m.effects.clear();
    m.forget("a", version(1, 0));
    EXPECT_EQ(m.count(EventKind::kForgotten), 1);
    EXPECT_EQ(m.core.members().size(), 2U);
    EXPECT_EQ(m.core.claims().size(), 1U);
    m.effects.clear();
    m.run(std::chrono::hours(2), "b");
    for (const std::string& address : m.dialled()) EXPECT_NE(address, "a:7420");
}

TEST(Forgetting, HoldsAgainstEveryOldWordAndYieldsToANewLife) {
    Bench m("ab");
    m.forget("a", version(3, 0));
    for (const auto& old : {version(1, 9), version(2, 0), version(3, 0), version(3, 77)}) {
        m.hear("b", claim("a", old));
        m.hear("b", accusation("a", old, "b"));
        EXPECT_EQ(m.core.members().size(), 2U);
    }
    m.hear("b", claim("a", version(4, 0)));
    EXPECT_EQ(m.status("a"), Status::kAlive);
    m.forget("a", version(3, 0));
    EXPECT_EQ(m.status("a"), Status::kAlive) << "an older life was meant";
    m.hear("b", claim("a", version(1, 0, 9)));
    EXPECT_EQ(m.view("a").generation.value, 1U) << "a newer certificate is a newer life";
}

TEST(Forgetting, ComesBeforeTheMemberWhereTheMeshIsSlow) {
    Bench m("b");
    m.forget("a", version(1, 0));
    m.hear("b", claim("a", version(1, 0)));
    EXPECT_EQ(m.core.members().size(), 2U);
}

TEST(Forgetting, NeverRemovesThisNode) {
    Bench m("a");
    m.forget("m", version(9, 0));
    EXPECT_EQ(m.core.members().size(), 2U);
    EXPECT_EQ(m.status("m"), Status::kAlive);
}

TEST(Forgetting, OfAConnectedMemberLeavesNoTimerOrLinkBehind) {
    Bench m("ab");
    m.run(seconds(30), "b");  // "a" answers nothing: suspicion, probes and timers about it
    m.forget("a", version(1, 0));
    m.hear("b", claim("c", version(1, 0)));  // takes its slot
    EXPECT_EQ(m.status("c"), Status::kAlive);
    EXPECT_FALSE(m.view("c").connected);
    m.connected("c");
    m.run(seconds(60), "bc");
    EXPECT_EQ(m.status("c"), Status::kAlive);
    EXPECT_EQ(m.core.members().size(), 3U);
    m.hear("b", claim("a", version(2, 0)));
    EXPECT_TRUE(m.view("a").connected) << "the connection outlived the removal";
}

TEST(Forgetting, MakesRoomInABoundedRoster) {
    Options options;
    options.members_max = 3;
    Bench m("ab", true, options);
    for (std::uint64_t i = 1; i < 50; ++i) {
        const std::string id = "c" + std::to_string(i);
        m.forget(i == 1 ? "a" : "c" + std::to_string(i - 1), version(1, 0));
        m.hear("b", claim(id, version(1, 0)));
        ASSERT_EQ(m.status(id), Status::kAlive) << id;
        ASSERT_EQ(m.core.members().size(), 3U);
    }
}

TEST(Roster, FromDiskIsDialledButBelievedOnlyOnceRepeated) {
    Bench m("", true, {}, {claim("a", version(1, 0)), claim("b", version(1, 0), true)});
    EXPECT_EQ(m.status("a"), Status::kJoining);
    EXPECT_EQ(m.status("b"), Status::kLeft);
    m.hear("a", claim("a", version(1, 0)));
    EXPECT_EQ(m.status("a"), Status::kAlive);
}

// "a" has an old disk, and nobody else lives that heard of its newer life.
TEST(Roster, FromDiskIsToldToAMemberThatSpeaksForAnOlderLife) {
    Bench m("", true, {}, {claim("a", version(4, 0))});
    m.connected("a");
    m.effects.clear();
    m.hear("a", claim("a", version(3, 0)));
    EXPECT_EQ(m.status("a"), Status::kJoining);
    const auto told = m.sent<Gossip>();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].first, "a");
    ASSERT_EQ(told[0].second.rumors.size(), 1U);
    EXPECT_EQ(std::get<ClaimRef>(told[0].second.rumors[0])->version, version(4, 0));
}

TEST(TwoProcesses, OfOneIdentityHearOfEachOtherFromWhoHearsTheLosingWord) {
    auto winning = std::make_shared<Claim>(*claim("a", version(2, 1)));
    winning->signature[0] = 9;
    Bench m("ab");
    m.hear("b", ClaimRef(winning));
    m.run(seconds(1), "ab");
    m.effects.clear();
    m.hear("a", claim("a", version(2, 1)));
    const auto told = m.sent<Gossip>();
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told[0].first, "a");
    EXPECT_EQ(std::get<ClaimRef>(told[0].second.rumors.at(0))->signature, winning->signature);
    m.effects.clear();
    m.hear("a", ClaimRef(winning));
    EXPECT_TRUE(m.sent<Gossip>().empty()) << "its own word again is no other process";
}

TEST(AnOldDisk, ThatLivesTheSameLifeAgainHearsItsNewerWordFromWhoHearsTheOlder) {
    Bench m("ab");
    const ClaimRef newer = claim("a", version(2, 3));
    m.hear("b", newer);
    m.run(seconds(1), "ab");
    m.effects.clear();
    m.hear("a", claim("a", version(2, 1)));
    const auto told = m.sent<Gossip>();
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told[0].first, "a");
    EXPECT_EQ(std::get<ClaimRef>(told[0].second.rumors.at(0))->version, newer->version);
}

}  // namespace
}  // namespace vidai::mesh::membership
