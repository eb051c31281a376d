// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/log_state.h"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

#include "tests/mesh/budget/support.h"

namespace vidai::mesh::budget {
namespace {

LogState begun() {
    LogState state(first_header());
    for (const EntryRef& entry : beginning()) EXPECT_TRUE(state.apply(*entry).has_value());
    return state;
}
ErrorCode code_of(const Result<void>& result) {
    return result ? ErrorCode::kInternal : result.error().code;
}

TEST(BucketOf, NeverChanges) {  // it decides on each node, for ever, who owns what
    EXPECT_EQ(bucket_of(BudgetId("team-a")).value, 423);
    EXPECT_EQ(bucket_of(BudgetId("team-b")).value, 850);
}

TEST(QuorumOf, HasEachCommitSeenByEachSeal) {
    for (std::size_t custodians = 1; custodians <= kCustodiansMax; ++custodians) {
        const Quorum quorum = quorum_of(custodians);
        EXPECT_EQ(quorum.act + quorum.seal, custodians + 1);
        EXPECT_GE(quorum.act, 1U);
    }
    EXPECT_EQ(quorum_of(0).act, 0U);
    EXPECT_GT(quorum_of(0).seal, kCustodiansMax) << "nobody could know what is committed";
}

TEST(LogState, BeginsTheMeshOnceAndInOneLog) {
    LogState other(second_header());
    EXPECT_EQ(code_of(other.apply(Genesis{})), ErrorCode::kCorrupt);
    LogState state = begun();
    EXPECT_EQ(code_of(state.apply(Genesis{})), ErrorCode::kCorrupt);
    EXPECT_TRUE(state.owns({0}) && state.owns({kBuckets - 1}));
}

TEST(LogState, ActivatesUpToTheLimitAndNoMore) {
    LogState state = begun();
    EXPECT_TRUE(state.apply(activate(60)).has_value());
    EXPECT_EQ(code_of(state.apply(activate(41))), ErrorCode::kConflict);
    EXPECT_EQ(state.free(kMay).value, 40) << "a refused entry changes nothing";
    EXPECT_TRUE(state.apply(activate(40)).has_value());
    EXPECT_EQ(state.seq(), 4U);
    EXPECT_EQ(code_of(state.apply(activate(0))), ErrorCode::kCorrupt);
}

TEST(LogState, RefusesTheMoneyOfAWindowThatHasPassed) {
    LogState state = begun();
    ASSERT_TRUE(state.apply(activate(100)).has_value());
    ASSERT_TRUE(state.apply(Activate{{kTeam, 6}, {1}, {100}}).has_value()) << "a new window's own";
    ASSERT_TRUE(state.apply(Return{kMay, account_of(2), {30}}).has_value()) << "still reported";
    EXPECT_EQ(code_of(state.apply(activate(10))), ErrorCode::kConflict);
    ASSERT_TRUE(state.apply(Activate{{kTeam, 7}, {1}, {1}}).has_value());
    EXPECT_EQ(code_of(state.apply(Return{kMay, account_of(3), {1}})), ErrorCode::kConflict)
        << "two windows are kept";
}

TEST(LogState, CountsAReturnOnce) {
    LogState state = begun();
    ASSERT_TRUE(state.apply(activate(100)).has_value());
    ASSERT_TRUE(state.apply(Return{kMay, account_of(2), {30}}).has_value());
    EXPECT_EQ(code_of(state.apply(Return{kMay, account_of(2), {30}})), ErrorCode::kConflict);
    EXPECT_EQ(code_of(state.apply(Return{kMay, account_of(2), {29}})), ErrorCode::kConflict);
    ASSERT_TRUE(state.apply(Return{kMay, account_of(2), {35}}).has_value()) << "a total";
    EXPECT_EQ(state.free(kMay).value, 35);
    EXPECT_EQ(code_of(state.apply(Return{kMay, account_of(3), {66}})), ErrorCode::kCorrupt)
        << "more than there is";
}

TEST(LogState, StopsAtALoweredLimit) {
    LogState state = begun();
    ASSERT_TRUE(state.apply(activate(60)).has_value());
    ASSERT_TRUE(state.apply(SetLimit{kTeam, {50}}).has_value());
    EXPECT_EQ(state.free(kMay).value, -10);
    EXPECT_EQ(code_of(state.apply(activate(1))), ErrorCode::kConflict);
    ASSERT_TRUE(state.apply(Return{kMay, account_of(2), {15}}).has_value());
    EXPECT_TRUE(state.apply(activate(5)).has_value());
    EXPECT_EQ(code_of(state.apply(SetLimit{kTeam, {-1}})), ErrorCode::kCorrupt);
    EXPECT_EQ(code_of(state.apply(SetLimit{BudgetId("other"), {1}})), ErrorCode::kConflict);
    EXPECT_EQ(code_of(state.apply(Define{kTeam, {7}})), ErrorCode::kAlreadyExists);
}

TEST(LogState, ActivatesBeyondTheLimitWhereItIsOnlyObserved) {
    LogState state = begun();
    EXPECT_TRUE(state.budget(kTeam)->policy.enforce);
    ASSERT_TRUE(state.apply(SetPolicy{kTeam, {.enforce = false}}).has_value());
    EXPECT_FALSE(state.budget(kTeam)->policy.enforce);
    ASSERT_TRUE(state.apply(activate(130)).has_value());
    EXPECT_EQ(state.free(kMay).value, -30);
    EXPECT_EQ(code_of(state.apply(activate(std::numeric_limits<std::int64_t>::max()))),
              ErrorCode::kConflict);
    ASSERT_TRUE(state.apply(SetPolicy{kTeam, {}}).has_value());
    EXPECT_EQ(code_of(state.apply(activate(1))), ErrorCode::kConflict) << "as of a lowered limit";
    ASSERT_TRUE(state.apply(Return{kMay, account_of(2), {40}}).has_value());
    EXPECT_TRUE(state.apply(activate(10)).has_value());
    EXPECT_EQ(code_of(state.apply(activate(1))), ErrorCode::kConflict);
    EXPECT_EQ(code_of(state.apply(SetPolicy{BudgetId("other"), {}})), ErrorCode::kConflict);
    ASSERT_TRUE(state.apply(Remove{kTeam}).has_value());
    EXPECT_EQ(code_of(state.apply(SetPolicy{kTeam, {}})), ErrorCode::kConflict);
    ASSERT_TRUE(state.apply(Define{kTeam, {100}}).has_value());
    EXPECT_TRUE(state.budget(kTeam)->policy.enforce) << "made again, it is a new one";
}

In taking(const LogState& giver, Seq at, std::vector<LedgerKey> attested_by) {
    return {kBucket,
            log_of(1),
            at,
            log_of(2),
            {first_header(), std::move(attested_by)},
            giver.passing().at(at).budgets};
}

TEST(LogState, HandsABucketOverWithAllThatWasSpent) {
    LogState giver = begun();
    ASSERT_TRUE(giver.apply(activate(60)).has_value());
    ASSERT_TRUE(giver.apply(Return{kMay, account_of(2), {10}}).has_value());
    ASSERT_TRUE(giver.apply(Out{kBucket, log_of(2)}).has_value());
    EXPECT_FALSE(giver.owns(kBucket));
    EXPECT_EQ(code_of(giver.apply(activate(1))), ErrorCode::kConflict);

    LogState taker(second_header());
    EXPECT_EQ(code_of(taker.apply(taking(giver, 5, {}))), ErrorCode::kCorrupt)
        << "nobody says that it is committed";
    EXPECT_EQ(code_of(taker.apply(taking(giver, 5, {volume(1)}))), ErrorCode::kCorrupt)
        << "the giver is no custodian of its own log";
    ASSERT_TRUE(taker.apply(taking(giver, 5, {volume(3)})).has_value());
    EXPECT_EQ(code_of(taker.apply(taking(giver, 5, {volume(3)}))), ErrorCode::kConflict) << "once";
    EXPECT_TRUE(taker.owns(kBucket));
    EXPECT_EQ(taker.free(kMay).value, 50);
    EXPECT_EQ(code_of(taker.apply(Return{kMay, account_of(2), {10}})), ErrorCode::kConflict)
        << "it knows who has returned what";

    LogState third({log_of(3), {}, log_of(1), false});
    EXPECT_EQ(code_of(third.apply(taking(giver, 5, {volume(3)}))), ErrorCode::kCorrupt)
        << "it was given to another";
    LogState later({log_of(2, 2), {}, log_of(1), false});
    EXPECT_EQ(code_of(later.apply(taking(giver, 5, {volume(3)}))), ErrorCode::kCorrupt)
        << "also to another generation of the same volume";
}

constexpr WallTime kSoon{std::chrono::days(20'000)};

TEST(LogState, ATopUpBindsAsARaisedLimitAndItsEndAsALoweredOne) {
    LogState state = begun();
    ASSERT_TRUE(state.apply(activate(100)).has_value());
    EXPECT_EQ(code_of(state.apply(activate(1))), ErrorCode::kConflict);
    ASSERT_TRUE(state.apply(OpenTopUp{kTeam, "may-fair", {{40}, kSoon, "the fair"}}).has_value());
    ASSERT_TRUE(state.apply(OpenTopUp{kTeam, "more", {{5}, kSoon, {}}}).has_value());
    EXPECT_EQ(state.free(kMay).value, 45);
    ASSERT_TRUE(state.apply(activate(30)).has_value());
    EXPECT_EQ(code_of(state.apply(activate(16))), ErrorCode::kConflict);
    ASSERT_TRUE(state.apply(EndTopUp{kTeam, "may-fair"}).has_value());
    EXPECT_EQ(state.free(kMay).value, -25) << "what is spent stays spent";
    EXPECT_EQ(code_of(state.apply(EndTopUp{kTeam, "may-fair"})), ErrorCode::kConflict);
    EXPECT_EQ(code_of(state.apply(activate(1))), ErrorCode::kConflict);
    ASSERT_TRUE(state.apply(SetLimit{kTeam, {110}}).has_value());
    EXPECT_EQ(limit_of(*state.budget(kTeam)).value, 115) << "an edit says the limit, without it";
    ASSERT_TRUE(state.apply(Return{kMay, account_of(2), {20}}).has_value());
    EXPECT_TRUE(state.apply(activate(5)).has_value());
    EXPECT_EQ(code_of(state.apply(activate(1))), ErrorCode::kConflict);
}

TEST(LogState, ATopUpIsOpenedOnceAndSoManyAreOpen) {
    LogState state = begun();
    const OpenTopUp one{kTeam, "one", {{40}, kSoon, {}}};
    ASSERT_TRUE(state.apply(one).has_value());
    EXPECT_EQ(code_of(state.apply(one)), ErrorCode::kAlreadyExists);
    ASSERT_TRUE(state.apply(EndTopUp{kTeam, "one"}).has_value());
    EXPECT_EQ(code_of(state.apply(one)), ErrorCode::kAlreadyExists) << "a word that comes late";
    for (std::size_t i = 0; i < kTopUpsMax; ++i) {
        const std::string id = "t-" + std::to_string(i);
        ASSERT_TRUE(state.apply(OpenTopUp{kTeam, id, {{1}, kSoon, {}}}).has_value());
    }
    EXPECT_EQ(code_of(state.apply(OpenTopUp{kTeam, "t-16", {{1}, kSoon, {}}})),
              ErrorCode::kResourceExhausted);
    for (const OpenTopUp& bad :
         {OpenTopUp{kTeam, "Big", {{1}, kSoon, {}}}, OpenTopUp{kTeam, "", {{1}, kSoon, {}}},
          OpenTopUp{kTeam, "x", {{0}, kSoon, {}}}, OpenTopUp{kTeam, "x", {{1}, {}, {}}},
          OpenTopUp{kTeam, "x", {kTopUpMost + MicroUsd{1}, kSoon, {}}},
          OpenTopUp{kTeam, "x", {{1}, kSoon, std::string(kTopUpNoteMax + 1, 'a')}}}) {
        EXPECT_EQ(code_of(state.apply(bad)), ErrorCode::kCorrupt);
    }
    EXPECT_EQ(code_of(state.apply(OpenTopUp{BudgetId("other"), "x", {{1}, kSoon, {}}})),
              ErrorCode::kConflict);
}

TEST(LogState, TopUpsPassToTheHeirAndEndWithTheBudget) {
    LogState state = begun();
    ASSERT_TRUE(state.apply(OpenTopUp{kTeam, "old", {{1}, kSoon, {}}}).has_value());
    ASSERT_TRUE(state.apply(EndTopUp{kTeam, "old"}).has_value());
    ASSERT_TRUE(state.apply(OpenTopUp{kTeam, "one", {{40}, kSoon, {}}}).has_value());
    ASSERT_TRUE(state.apply(Out{kBucket, log_of(2)}).has_value());
    LogState heir(second_header());
    ASSERT_TRUE(heir.apply(taking(state, 6, {volume(2)})).has_value());
    EXPECT_EQ(heir.free(kMay).value, 140);
    EXPECT_EQ(code_of(heir.apply(OpenTopUp{kTeam, "old", {{1}, kSoon, {}}})),
              ErrorCode::kAlreadyExists);
    ASSERT_TRUE(heir.apply(Remove{kTeam}).has_value());
    EXPECT_EQ(heir.free(kMay).value, 0);
    ASSERT_TRUE(heir.apply(Define{kTeam, {100}}).has_value());
    EXPECT_EQ(heir.free(kMay).value, 100);
    EXPECT_EQ(code_of(heir.apply(OpenTopUp{kTeam, "one", {{40}, kSoon, {}}})),
              ErrorCode::kAlreadyExists);
}

TEST(LogState, TellsOfEachThresholdOnceInAWindow) {
    LogState state = begun();
    EXPECT_EQ(code_of(state.apply(Alert{kMay, 50})), ErrorCode::kConflict) << "nothing is spent";
    ASSERT_TRUE(state.apply(activate(60)).has_value());
    ASSERT_TRUE(state.apply(Alert{kMay, 50}).has_value());
    EXPECT_EQ(code_of(state.apply(Alert{kMay, 50})), ErrorCode::kConflict);
    EXPECT_EQ(code_of(state.apply(Alert{kMay, 20})), ErrorCode::kConflict);
    EXPECT_EQ(code_of(state.apply(Alert{kMay, 101})), ErrorCode::kCorrupt);
    ASSERT_TRUE(state.apply(Out{kBucket, log_of(2)}).has_value());
    LogState heir(second_header());
    ASSERT_TRUE(heir.apply(taking(state, 5, {volume(2)})).has_value());
    EXPECT_EQ(code_of(heir.apply(Alert{kMay, 50})), ErrorCode::kConflict) << "the heir knows";
    EXPECT_TRUE(heir.apply(Alert{kMay, 80}).has_value());
}

TEST(LogState, TakesNoBudgetOfAnotherBucket) {
    LogState giver = begun();
    ASSERT_TRUE(giver.apply(Out{kBucket, log_of(2)}).has_value());
    In entry = taking(giver, 3, {volume(2)});
    const BudgetId strange("strange");
    ASSERT_NE(bucket_of(strange), kBucket);
    entry.budgets[{bucket_of(strange), strange}] = {{1'000}, {}};
    LogState taker(second_header());
    EXPECT_EQ(code_of(taker.apply(entry)), ErrorCode::kCorrupt);
}

Adopt adopting(const LogState& of, std::vector<SealedHead> seals, Seq head) {
    return {first_header(), std::move(seals), head, of.closed(),
            std::make_shared<const Estate>(of.estate())};
}

TEST(LogState, AdoptsWhatEnoughCustodiansHaveSealed) {
    LogState sealed = begun();
    ASSERT_TRUE(sealed.apply(activate(60)).has_value());
    LogState heir(second_header());
    EXPECT_EQ(code_of(heir.apply(adopting(sealed, {{volume(2), 3}}, 3))), ErrorCode::kCorrupt)
        << "the owner goes on with the other";
    EXPECT_EQ(code_of(heir.apply(adopting(sealed, {{volume(2), 3}, {volume(2), 3}}, 3))),
              ErrorCode::kCorrupt)
        << "one custodian twice";
    EXPECT_EQ(code_of(heir.apply(adopting(sealed, {{volume(2), 2}, {volume(3), 3}}, 2))),
              ErrorCode::kCorrupt)
        << "a shorter head might miss what is committed";
    ASSERT_TRUE(heir.apply(adopting(sealed, {{volume(2), 2}, {volume(3), 3}}, 3)).has_value());
    EXPECT_EQ(heir.free(kMay).value, 40) << "what is in use stays in use";
    EXPECT_TRUE(heir.represents(log_of(1)));
    EXPECT_EQ(code_of(heir.apply(adopting(sealed, {{volume(2), 3}, {volume(3), 3}}, 3))),
              ErrorCode::kConflict)
        << "once";
    LogState another({log_of(3), {}, log_of(1), false});
    EXPECT_EQ(code_of(another.apply(adopting(sealed, {{volume(2), 3}, {volume(3), 3}}, 3))),
              ErrorCode::kCorrupt)
        << "one successor alone, named beforehand";
}

TEST(LogState, MayLeaveOutWhatOneOfThreeCustodiansAloneHas) {
    LogHeader three = first_header();
    three.custodians.push_back(volume(4));
    const LogState sealed = begun();
    const auto refused = [&](std::vector<SealedHead> seals, Seq head) {
        Adopt entry = adopting(sealed, std::move(seals), head);
        entry.header = three;
        return code_of(LogState(second_header()).apply(entry)) == ErrorCode::kCorrupt;
    };
    const std::vector<SealedHead> all{{volume(2), 3}, {volume(3), 1}, {volume(4), 2}};
    EXPECT_FALSE(refused(all, 3));
    EXPECT_FALSE(refused(all, 2)) << "two of three have no more";
    EXPECT_TRUE(refused(all, 1)) << "that two of them have";
    EXPECT_TRUE(refused({all[0], all[2]}, 2)) << "the third may have it, too";
}

// The logs of volumes 1 and 2 are each other's successors; 1 has all.
AdoptCircle circle(const LogState& of) {
    AdoptCircle entry;
    for (const LogHeader& header :
         {first_header(), LogHeader{log_of(2), {volume(1), volume(3)}, log_of(1), false}}) {
        const Seq head = header.id == log_of(1) ? of.seq() : 0;
        const auto& custodians = header.custodians;
        entry.logs.push_back(
            {header, {{custodians[0], head}, {custodians[1], head}}, head, {}, {header.id}});
    }
    entry.estate = std::make_shared<const Estate>(of.estate());
    return entry;
}
LogState heir_of_the_circle() {
    return LogState({log_of(1, 2), {volume(2), volume(3)}, log_of(2), false});
}

TEST(LogState, AdoptsACircleOfWhichItIsTheHeir) {
    LogState sealed = begun();
    ASSERT_TRUE(sealed.apply(activate(60)).has_value());
    LogState heir = heir_of_the_circle();
    ASSERT_TRUE(heir.apply(circle(sealed)).has_value());
    EXPECT_EQ(heir.free(kMay).value, 40);
    EXPECT_TRUE(heir.represents(log_of(1)));
    EXPECT_TRUE(heir.has_adopted(log_of(1)) && heir.has_adopted(log_of(2)));
    EXPECT_EQ(code_of(heir.apply(circle(sealed))), ErrorCode::kConflict) << "once";
    LogState another({log_of(3), {}, log_of(1), false});
    EXPECT_EQ(code_of(another.apply(circle(sealed))), ErrorCode::kCorrupt);
    LogState later({log_of(1, 3), {}, log_of(1), false});
    EXPECT_EQ(code_of(later.apply(circle(sealed))), ErrorCode::kCorrupt) << "the next one alone";
}

TEST(LogState, RefusesACircleThatIsNone) {
    const LogState sealed = begun();
    LogState heir = heir_of_the_circle();
    const auto refused = [&](const AdoptCircle& entry) {
        return code_of(heir.apply(entry)) == ErrorCode::kCorrupt && heir.seq() == 0;
    };
    AdoptCircle bad = circle(sealed);
    bad.logs[1].seals.pop_back();
    EXPECT_TRUE(refused(bad)) << "a custodian lets it live";
    bad = circle(sealed);
    bad.logs[0].head -= 1;
    EXPECT_TRUE(refused(bad)) << "not all that is committed";
    bad = circle(sealed);
    bad.logs[0].head += 1;
    EXPECT_TRUE(refused(bad)) << "more than any custodian has";
    bad = circle(sealed);
    bad.logs[1].header.successor = log_of(3);
    EXPECT_TRUE(refused(bad)) << "somebody is left";
    bad = circle(sealed);
    bad.logs[0].represents.insert(log_of(2));
    EXPECT_TRUE(refused(bad)) << "one of them has the other's money already";
    bad = circle(sealed);
    bad.logs[0].represents.clear();
    EXPECT_TRUE(refused(bad)) << "a log is itself";
    EXPECT_TRUE(refused({{}, std::make_shared<const Estate>()}));
    EXPECT_TRUE(heir.apply(circle(sealed)).has_value());
}

TEST(LogState, RefusesMoreLogsThanACircleMayHave) {
    AdoptCircle large{{}, std::make_shared<const Estate>()};
    const auto most = static_cast<std::uint32_t>(kCircleMax);
    const auto add = [&](std::uint32_t at, std::uint32_t successor) {
        const LogHeader header{log_of(1, at), {volume(2)}, log_of(1, successor), false};
        large.logs.push_back({header, {{volume(2), 1}}, 1, {}, {header.id}});
    };
    for (std::uint32_t at = 1; at <= most; ++at) add(at, at % most + 1);
    EXPECT_TRUE(LogState({log_of(1, most + 1), {}, log_of(1), false}).apply(large).has_value());
    large.logs.back().header.successor = log_of(1, most + 1);
    add(most + 1, 1);
    EXPECT_EQ(code_of(LogState({log_of(1, most + 2), {}, log_of(1), false}).apply(large)),
              ErrorCode::kCorrupt);
}

TEST(LogState, PassesAllToALaterLogOfItsVolume) {
    LogState closing = begun();
    ASSERT_TRUE(closing.apply(activate(60)).has_value());
    EXPECT_EQ(code_of(closing.apply(Close{log_of(1)})), ErrorCode::kCorrupt);
    EXPECT_EQ(code_of(closing.apply(Close{log_of(2, 2)})), ErrorCode::kCorrupt);
    ASSERT_TRUE(closing.apply(Close{log_of(1, 2)}).has_value());
    EXPECT_EQ(code_of(closing.apply(activate(1))), ErrorCode::kConflict);
    EXPECT_FALSE(closing.owns(kBucket));

    const auto estate = std::make_shared<const Estate>(closing.estate());
    LogState later({log_of(1, 2), {volume(2), volume(3)}, log_of(2), false});
    const Inherit entry{log_of(1), 4, log_of(1, 2), {first_header(), {volume(2)}}, estate};
    Inherit unproven = entry;
    unproven.proof.attested_by.clear();
    EXPECT_EQ(code_of(later.apply(unproven)), ErrorCode::kCorrupt);
    ASSERT_TRUE(later.apply(entry).has_value());
    EXPECT_EQ(later.free(kMay).value, 40);
    EXPECT_TRUE(later.represents(log_of(1))) << "what is on its way to the old log is this one's";

    // Sealed as well: its successor learns that there is another heir, and inherits nothing.
    LogState successor(second_header());
    ASSERT_TRUE(
        successor.apply(adopting(closing, {{volume(2), 4}, {volume(3), 4}}, 4)).has_value());
    EXPECT_FALSE(successor.owns(kBucket));
}

}  // namespace
}  // namespace vidai::mesh::budget
