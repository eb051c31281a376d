// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdlib>
#include <initializer_list>

#include "tests/mesh/budget/bank_mesh.h"

namespace vidai::mesh::budget {
namespace {

const BudgetId kTeamBudget("team-a");
const BudgetWindow kMoney{kTeamBudget, 0};

TEST(Bank, ANodeAloneSpendsABudgetAndNoMore) {
    BankMesh mesh(1, {});
    mesh.start(0);
    mesh.run(100ms);
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 1'000));
    int served = 0;
    for (int i = 0; i < 120; ++i) served += mesh.spend(0, kMoney, {10}) ? 1 : 0;
    EXPECT_EQ(served, 100);
    EXPECT_EQ(mesh.billed(kMoney), MicroUsd{1'000});
    EXPECT_EQ(mesh.bank(0).owner().position(kMoney).left, MicroUsd{0});
}

TEST(Bank, WhatABudgetHasIsUnknownUntilItsOwnerHasSaidIt) {
    BankMesh mesh(1, {});
    mesh.start(0);
    mesh.run(100ms);
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 1'000));
    ASSERT_FALSE(mesh.try_spend(0, kMoney, {10}));
    const auto asked = mesh.bank(0).leases().purse(kMoney);
    ASSERT_TRUE(asked && asked->account);
    EXPECT_FALSE(asked->told) << "what it seems to have left is nothing";
    ASSERT_TRUE(mesh.spend(0, kMoney, {10}));
    const auto answered = mesh.bank(0).leases().purse(kMoney);
    EXPECT_TRUE(answered->told);
    EXPECT_EQ(answered->position.limit, MicroUsd{1'000});
}

// What it spends beyond the limit is a debt, which comes first once it is enforced.
TEST(Bank, ABudgetIsObservedUntilItIsEnforcedAndThenOwesNothingMore) {
    BankMesh mesh(1, {});
    mesh.start(0);
    mesh.run(100ms);
    Edit wanted{0, Edit::Kind::kDefine, kTeamBudget, {1'000}};
    wanted.policy.enforce = false;
    ASSERT_TRUE(mesh.edit(0, wanted)->done);
    ASSERT_TRUE(mesh.spend(0, kMoney, {900}));
    const auto purse = mesh.bank(0).leases().purse(kMoney);
    EXPECT_FALSE(purse->position.enforce);
    purse->account->settle({}, {600});  // as a request that goes on without the money
    purse->account->on_would_refuse();
    mesh.run(4s);
    const Sight seen = mesh.bank(0).owner().sight(kTeamBudget, mesh.now);
    EXPECT_FALSE(seen.policy.enforce);
    EXPECT_EQ(seen.activated - seen.returned, MicroUsd{1'500}) << "the log has all of it";
    EXPECT_EQ(seen.position.left, MicroUsd{0});

    Edit enforce{0, Edit::Kind::kSetPolicy, kTeamBudget, {}};
    enforce.policy.enforce = true;
    ASSERT_TRUE(mesh.edit(0, enforce)->done);
    mesh.run(100ms);
    EXPECT_TRUE(mesh.bank(0).leases().purse(kMoney)->position.enforce);
    EXPECT_FALSE(mesh.spend(0, kMoney, {1})) << "the limit is spent, and more";
    EXPECT_EQ(mesh.bank(0).owner().sight(kTeamBudget, mesh.now).would_refuse, 1U);
    ASSERT_TRUE(mesh.edit(0, {0, Edit::Kind::kSetLimit, kTeamBudget, {1'510}})->done);
    EXPECT_FALSE(mesh.spend(0, kMoney, {20}));
    EXPECT_TRUE(mesh.spend(0, kMoney, {10}));
    EXPECT_FALSE(mesh.spend(0, kMoney, {1}));
}

Edit with_alerts(Thresholds alerts) {
    Edit wanted{0, Edit::Kind::kSetPolicy, kTeamBudget, {}};
    wanted.policy.alerts = std::move(alerts);
    return wanted;
}

TEST(Bank, EachThresholdIsToldOfOnceInAWindow) {
    BankMesh mesh(1, {});
    mesh.start(0);
    mesh.run(100ms);
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 1'000));
    ASSERT_TRUE(mesh.edit(0, with_alerts({50, 80, 100}))->done);
    ASSERT_TRUE(mesh.spend(0, kMoney, {499}));
    mesh.run(8s);
    EXPECT_EQ(mesh.thresholds(kMoney), std::vector<int>{});
    ASSERT_TRUE(mesh.spend(0, kMoney, {1}));
    mesh.run(8s);
    EXPECT_EQ(mesh.thresholds(kMoney), std::vector<int>{50});
    ASSERT_TRUE(mesh.spend(0, kMoney, {490}));
    mesh.run(8s);
    EXPECT_EQ(mesh.thresholds(kMoney), (std::vector<int>{50, 80}));
    // Less is left than is asked for: it is spent for whoever asks, if not to the last.
    EXPECT_FALSE(mesh.spend(0, kMoney, {11}));
    mesh.run(8s);
    EXPECT_EQ(mesh.thresholds(kMoney), (std::vector<int>{50, 80, 100}));
    EXPECT_EQ(mesh.bank(0).owner().sight(kTeamBudget, mesh.now).alerted, 100);
    ASSERT_TRUE(mesh.edit(0, {0, Edit::Kind::kSetLimit, kTeamBudget, {1'001}})->done);
    mesh.run(8s);
    mesh.crash(0);
    mesh.start(0);
    mesh.run(8s);
    EXPECT_EQ(mesh.thresholds(kMoney), (std::vector<int>{50, 80, 100})) << "each once";
}

TEST(Bank, ARestartTellsOfNothingThatIsNotSpent) {
    BankMesh mesh(1, {});
    mesh.start(0);
    mesh.run(100ms);
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 1'000));
    ASSERT_TRUE(mesh.edit(0, with_alerts({50}))->done);
    ASSERT_TRUE(mesh.spend(0, kMoney, {400}));
    mesh.run(4s);
    mesh.crash(0);
    mesh.start(0);
    ASSERT_TRUE(mesh.spend(0, kMoney, {10}));
    mesh.run(8s);
    EXPECT_EQ(mesh.thresholds(kMoney), std::vector<int>{});
}

TEST(Bank, AnUnknownBudgetIsSaidToBeUnknown) {
    BankMesh mesh(1, {});
    mesh.start(0);
    mesh.run(100ms);
    EXPECT_FALSE(mesh.spend(0, kMoney, {10}, 200ms));
    EXPECT_EQ(mesh.bank(0).leases().purse(kMoney)->position.standing, Standing::kUnknown);
}

TEST(Bank, WhatIsIdleGoesBackAndIsSpentAgain) {
    BankMesh mesh(1, {});
    mesh.start(0);
    mesh.run(100ms);
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 1'000));
    ASSERT_TRUE(mesh.spend(0, kMoney, {10}));
    mesh.run(4s);
    EXPECT_TRUE(mesh.bank(0).settled());
    EXPECT_TRUE(mesh.spend(0, kMoney, {990}));
}

TEST(Bank, ASmallRequestIsServedWhereALargeOneCannotBe) {
    BankMesh mesh(1, {});
    mesh.start(0);
    mesh.run(100ms);
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 1'000));
    ASSERT_TRUE(mesh.spend(0, kMoney, {600}));
    EXPECT_FALSE(mesh.spend(0, kMoney, {500}));
    EXPECT_TRUE(mesh.spend(0, kMoney, {100}, 200ms));
    for (int i = 0; i < 20; ++i) (void)mesh.try_spend(0, kMoney, {500});
    EXPECT_TRUE(mesh.spend(0, kMoney, {300}, 200ms)) << "and while the large one still asks";
    EXPECT_EQ(mesh.billed(kMoney), MicroUsd{1'000});
}

TEST(Bank, ARestartSpendsNothingTwice) {
    BankMesh mesh(1, {});
    mesh.start(0);
    mesh.run(100ms);
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 1'000));
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(mesh.spend(0, kMoney, {10}));
    mesh.crash(0);
    mesh.start(0);
    while (mesh.spend(0, kMoney, {10})) {
    }
    EXPECT_LE(mesh.billed(kMoney), MicroUsd{1'000});
    EXPECT_GE(mesh.billed(kMoney), MicroUsd{700}) << "a crash strands a portion, not the rest";
}

// Its next process would take the same name otherwise, and the same lease once again.
TEST(Bank, WhoStartsBorrowsNothingBeforeItsStartIsOnTheDisk) {
    BankMesh mesh(3, {2ms, 50ms});
    for (std::size_t i = 0; i < 3; ++i) mesh.start(i);
    mesh.run(1s);
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 1'000));
    ASSERT_TRUE(mesh.spend(0, kMoney, {1}));
    mesh.run(100ms);
    for (int i = 0; i < 30; ++i) {
        mesh.crash(1);
        mesh.start(1);
        (void)mesh.spend(1, kMoney, {10}, 40ms);
    }
    while (mesh.spend(0, kMoney, {10})) {
    }
    EXPECT_LE(mesh.billed(kMoney), MicroUsd{1'000});
    EXPECT_TRUE(mesh.spend(1, kMoney, {1})) << "and then it does";
}

// Of two that were lost at once one comes back: its log can commit nothing, for the other may have
// sealed it as well.
TEST(Bank, GivesNothingToALogThatItHasSealed) {
    BankMesh mesh(3, {});
    for (std::size_t i = 0; i < 3; ++i) mesh.start(i);
    const auto kept = [&](std::size_t i) {
        const OwnLog* log = mesh.bank(i).books().newest();
        return log != nullptr && log->header().custodians.size() == 2;
    };
    // With more than its share of two.
    ASSERT_TRUE(mesh.run_until(
        [&]() { return kept(0) && kept(1) && kept(2) && mesh.owned(0) > kBuckets / 2 + 2; }, 60s));
    const std::size_t before = mesh.owned(0);
    for (const std::size_t lost : {1U, 2U}) mesh.crash(lost);
    mesh.run(1s);
    mesh.declare_dead_if_down();
    mesh.run(8s);
    mesh.start(1);
    mesh.run(20s);
    EXPECT_EQ(mesh.owned(0), before);
    mesh.start(2);
    mesh.run(30s);
    std::size_t all = 0;
    for (std::size_t i = 0; i < 3; ++i) all += mesh.owned(i);
    EXPECT_EQ(all, kBuckets);
}

class ThreeBanks : public ::testing::Test {
  protected:
    void SetUp() override {
        for (std::size_t i = 0; i < 3; ++i) mesh.start(i);
        ASSERT_TRUE(mesh.run_until(
            [&]() { return mesh.owned(0) < 400 && mesh.owned(1) > 300 && mesh.owned(2) > 300; },
            60s))
            << mesh.owned(0) << " " << mesh.owned(1) << " " << mesh.owned(2);
    }
    std::size_t owner() {
        for (std::size_t i = 0; i < 3; ++i) {
            if (mesh.up(i) && mesh.bank(i).hello().owned[bucket_of(kTeamBudget).value]) return i;
        }
        return 3;
    }
    // Until none of them gets any more of 10,000.
    void spend_the_rest(std::initializer_list<std::size_t> by, MicroUsd least) {
        while (
            std::ranges::any_of(by, [&](std::size_t i) { return mesh.spend(i, kMoney, {10}); })) {
        }
        EXPECT_LE(mesh.billed(kMoney), MicroUsd{10'000});
        EXPECT_GE(mesh.billed(kMoney), least);
    }
    BankMesh mesh{3, {}};
};

// Its process lives on, speaks of what it was lent, and can never write again.
TEST_F(ThreeBanks, TakeOverFromOneThatIsFrozen) {
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 10'000));
    const std::size_t frozen = owner();
    ASSERT_LT(frozen, 3U);
    ASSERT_TRUE(mesh.spend(frozen, kMoney, {100}));
    mesh.bank(frozen).on_write_failed({ErrorCode::kIo, "no space left", ""});
    mesh.run(1s);
    const std::size_t other = (frozen + 1) % 3;
    EXPECT_FALSE(mesh.bank(other).at_work(mesh.key(frozen)));
    mesh.declare_dead(frozen);
    mesh.run(8s);
    ASSERT_LT(owner(), 3U);
    EXPECT_NE(owner(), frozen);
    EXPECT_TRUE(mesh.spend(other, kMoney, {100}));
    mesh.crash(frozen);
    mesh.start(frozen);
    mesh.run(5s);
    EXPECT_TRUE(mesh.bank(other).at_work(mesh.key(frozen))) << "another process";
    EXPECT_TRUE(mesh.spend(frozen, kMoney, {100}));
}

TEST_F(ThreeBanks, AnHeirDoesNotTellAgainOfAThreshold) {
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 10'000));
    ASSERT_TRUE(mesh.edit(0, with_alerts({50, 90}))->done);
    const std::size_t dead = owner(), other = (dead + 1) % 3;
    ASSERT_TRUE(mesh.spend(other, kMoney, {6'000}));
    mesh.run(8s);
    ASSERT_EQ(mesh.thresholds(kMoney), std::vector<int>{50});
    mesh.crash(dead);
    mesh.declare_dead(dead);
    ASSERT_TRUE(mesh.run_until([&]() { return owner() < 3; }, 30s));
    ASSERT_TRUE(mesh.spend(other, kMoney, {10}, 30s));
    mesh.run(8s);
    EXPECT_EQ(mesh.thresholds(kMoney), std::vector<int>{50});
    while (mesh.spend(other, kMoney, {100})) {
    }
    mesh.run(8s);
    EXPECT_EQ(mesh.thresholds(kMoney), (std::vector<int>{50, 90}));
}

TEST_F(ThreeBanks, WhatWasSpentUnobservedByTheOwnerIsOwedToItsHeir) {
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 10'000));
    Edit observe{0, Edit::Kind::kSetPolicy, kTeamBudget, {}};
    observe.policy.enforce = false;
    ASSERT_TRUE(mesh.edit(0, observe)->done);
    const std::size_t dead = owner(), holder = (dead + 1) % 3;
    ASSERT_TRUE(mesh.spend(holder, kMoney, {10}));
    mesh.run(100ms);
    ASSERT_FALSE(mesh.bank(holder).leases().purse(kMoney)->position.enforce);
    mesh.crash(dead);
    mesh.declare_dead(dead);
    mesh.bank(holder).leases().purse(kMoney)->account->settle({}, {12'000});
    ASSERT_TRUE(mesh.run_until([&]() { return owner() < 3; }, 30s));
    const std::size_t heir = owner();
    ASSERT_TRUE(mesh.run_until(
        [&]() {
            mesh.try_spend(holder, kMoney, {1'000'000});
            return mesh.bank(heir).owner().position(kMoney).left == MicroUsd{0};
        },
        30s));
    mesh.run(5s);
    observe.policy.enforce = true;
    ASSERT_TRUE(mesh.edit(heir, observe)->done);
    ASSERT_TRUE(mesh.edit(heir, {0, Edit::Kind::kSetLimit, kTeamBudget, {12'000}})->done);
    EXPECT_FALSE(mesh.spend(heir, kMoney, {1}));
}

TEST_F(ThreeBanks, ShareOneBudget) {
    ASSERT_TRUE(mesh.define(1, kTeamBudget, 1'000));
    int served = 0;
    for (std::size_t i = 0; i < 120; ++i) served += mesh.spend(i % 3, kMoney, {10}) ? 1 : 0;
    EXPECT_EQ(served, 100);
}

TEST_F(ThreeBanks, WhoRestartsAfterAnOwnerIsGoneTakesPartInItsSealAllTheSame) {
    ASSERT_TRUE(mesh.define(1, kTeamBudget, 10'000));
    const std::size_t lost = owner();
    ASSERT_LT(lost, 3U);
    const std::size_t other = (lost + 1) % 3, last = (lost + 2) % 3;
    mesh.crash(lost);
    mesh.crash(other);
    mesh.start(other);  // and has never met the one that is gone
    mesh.declare_dead(lost);
    mesh.run(20s);
    EXPECT_EQ(owner(), 3U) << "a custodian that says nothing";
    mesh.bank(other).on_lost(mesh.key(lost), mesh.now);
    mesh.run(20s);
    EXPECT_LT(owner(), 3U);
    spend_the_rest({other, last}, {7'000});
}

// It owns least of all, and what it is given is nobody's until its log has an heir.
TEST(Bank, ANodeWhoseLogIsFrozenIsGivenNothing) {
    BankMesh mesh(3, {});
    for (std::size_t i = 0; i < 3; ++i) mesh.start(i);
    const auto kept = [&](std::size_t i) {
        return mesh.bank(i).hello().log.custodians.size() == 2 && mesh.bank(i).ready();
    };
    ASSERT_TRUE(mesh.run_until(
        [&]() { return kept(0) && kept(1) && kept(2) && mesh.owned(0) == kBuckets; }, 20s));
    mesh.bank(2).on_write_failed({ErrorCode::kUnavailable, "no space left", ""});
    EXPECT_TRUE(mesh.run_until([&]() { return mesh.owned(1) > 300; }, 60s)) << mesh.owned(1);
    mesh.run(10s);
    EXPECT_EQ(mesh.owned(0) + mesh.owned(1), kBuckets);
}

TEST(Bank, ABucketIsNotSaidToHaveArrivedBeforeThatIsCommitted) {
    // Its disk takes so long that the giver would have heard of it before.
    BankMesh mesh(3, {2ms, 900ms});
    for (std::size_t i = 0; i < 3; ++i) mesh.start(i);
    std::size_t taker = 0;
    ASSERT_TRUE(mesh.run_until(
        [&]() {
            for (std::size_t i = 1; i < 3; ++i) {
                const OwnLog* log = mesh.bank(i).books().newest();
                if (log->ledger.state().estate().owned.any()) taker = i;
            }
            return taker != 0;
        },
        60s));
    EXPECT_EQ(mesh.owned(taker), 0U);
    mesh.run(20ms);
    mesh.crash(taker);
    mesh.start(taker);
    EXPECT_TRUE(mesh.run_until(
        [&]() {
            std::size_t sum = 0;
            for (std::size_t i = 0; i < 3; ++i) sum += mesh.owned(i);
            return mesh.owned(taker) > 0 && sum == kBuckets;
        },
        200s));
}

TEST_F(ThreeBanks, GoOnWithoutTheOwnerOfTheBudget) {
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 10'000));
    const std::size_t dead = owner();
    for (std::size_t i = 0; i < 60; ++i) ASSERT_TRUE(mesh.spend(i % 3, kMoney, {10}));
    mesh.crash(dead);
    mesh.declare_dead(dead);
    const std::size_t left = (dead + 1) % 3;
    EXPECT_TRUE(mesh.spend(left, kMoney, {5'000}, 15s));
    spend_the_rest({left, (dead + 2) % 3}, MicroUsd{7'000});
}

TEST_F(ThreeBanks, TakeBackANodeWhoseLogTheySealed) {
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 10'000));
    const std::size_t dead = owner();
    ASSERT_TRUE(mesh.spend(dead, kMoney, {10}));
    mesh.crash(dead);
    mesh.declare_dead(dead);
    ASSERT_TRUE(mesh.spend((dead + 1) % 3, kMoney, {10}, 15s));
    mesh.start(dead);
    EXPECT_TRUE(mesh.spend(dead, kMoney, {10}, 5s));
    EXPECT_TRUE(mesh.run_until([&]() { return mesh.owned(dead) > 300; }, 60s));
    spend_the_rest({dead}, MicroUsd{7'000});
}

TEST_F(ThreeBanks, SpendNothingTwiceWhenOneIsCutOff) {
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 10'000));
    const std::size_t alone = owner();
    ASSERT_TRUE(mesh.spend(alone, kMoney, {10}));
    const std::size_t b = (alone + 1) % 3, c = (alone + 2) % 3;
    mesh.cut(alone, b);
    mesh.cut(alone, c);
    mesh.bank(b).on_dead(mesh.key(alone), mesh.now);
    mesh.bank(c).on_dead(mesh.key(alone), mesh.now);
    ASSERT_TRUE(mesh.spend(b, kMoney, {10}, 15s));
    for (int i = 0; i < 200; ++i) {
        (void)mesh.try_spend(alone, kMoney, {10});
        (void)mesh.try_spend(b, kMoney, {10});
        mesh.run(5ms);
    }
    mesh.heal();
    spend_the_rest({alone, b}, MicroUsd{9'000});
}

}  // namespace
}  // namespace vidai::mesh::budget
