// SPDX-License-Identifier: Apache-2.0
#include "node/admit/permit.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "schema/base/rng.h"

namespace vidai::node::admit {
namespace {

using mesh::budget::Account;
using mesh::limits::CounterTable;

constexpr WallTime kNow{std::chrono::minutes(30'000'000)};

struct PermitTest : testing::Test {
    PermitTest() { table.open(0); }

    Permit admitted(const mesh::state::KeyLimits& limits = {100, 10'000, 10}) {
        const auto decision = table.admit(0, limits, {1, Tokens{500}}, kNow);
        EXPECT_TRUE(decision.admitted);
        return Permit(table, decision.ticket);
    }
    // Under no budget.
    Permit permit() {
        Permit funded = admitted();
        funded.fund({}, {});
        return funded;
    }
    // Under these, each of which must have `each` free.
    Permit permit(const std::vector<std::shared_ptr<Account>>& accounts, MicroUsd each,
                  const mesh::state::KeyLimits& limits = {100, 10'000, 10}) {
        Permit funded = admitted(limits);
        fund(funded, accounts, each);
        return funded;
    }
    static void fund(Permit& permit, const std::vector<std::shared_ptr<Account>>& accounts,
                     MicroUsd each) {
        Funds funds;
        for (const auto& account : accounts) {
            EXPECT_TRUE(account->reserve(each));
            funds.add(account, each, true);
        }
        permit.fund(std::move(funds), each);
    }
    static std::shared_ptr<Account> account(std::int64_t granted) {
        auto made = std::make_shared<Account>();
        made->on_grant({granted});
        return made;
    }
    // Spent, reserved and free.
    static void expect(const Account& account, std::int64_t spent, std::int64_t reserved,
                       std::int64_t free) {
        EXPECT_EQ(account.spent().value, spent);
        EXPECT_EQ(account.reserved().value, reserved);
        EXPECT_EQ(account.free().value, free);
        EXPECT_TRUE(account.balance().conserved());
    }
    void expect(std::uint64_t requests, std::uint64_t tokens, std::uint32_t in_flight,
                std::int64_t spend) {
        const auto use = table.use(0, kNow);
        EXPECT_EQ(use.requests_own, requests);
        EXPECT_EQ(use.tokens_own, tokens);
        EXPECT_EQ(use.in_flight, in_flight);
        EXPECT_EQ(use.spend_own.value, spend);
    }
    CounterTable table{16};
};

TEST_F(PermitTest, HoldsWhatWasReserved) {
    const Permit held = permit();
    EXPECT_FALSE(held.empty());
    expect(1, 500, 1, 0);
}

TEST_F(PermitTest, ReturnsAllWhenNothingWasSent) {
    {
        const Permit dropped = permit();
    }
    expect(0, 0, 0, 0);
}

TEST_F(PermitTest, KeepsTheWorstCaseWhenDroppedAfterSending) {
    {
        Permit dropped = permit();
        dropped.sent(MicroUsd{70});
        dropped.lost();
        dropped.sent(MicroUsd{90});  // a second attempt, at a dearer target
        dropped.lost();
        dropped.sent(MicroUsd{10});
    }
    expect(1, 500, 0, 90);
}

TEST_F(PermitTest, SettlesToTheTruthBelowTheReserve) {
    {
        Permit settled = permit();
        settled.sent(MicroUsd{90});
        settled.settle(Tokens{120}, MicroUsd{7}, MicroUsd{7}, kNow);
        EXPECT_TRUE(settled.empty());
    }
    expect(1, 120, 0, 7);
}

TEST_F(PermitTest, SettlesToTheTruthAboveTheReserve) {
    Permit settled = permit();
    settled.sent(MicroUsd{1});
    settled.settle(Tokens{1'700}, MicroUsd{9}, MicroUsd{9}, kNow);
    expect(1, 1'700, 0, 9);
}

TEST_F(PermitTest, MovesItsDutyAlong) {
    {
        std::optional<Permit> first(permit());
        Permit second(std::move(*first));
        EXPECT_TRUE(first->empty());  // NOLINT(bugprone-use-after-move): that is the point
        first.reset();
        expect(1, 500, 1, 0);
        second.sent(MicroUsd{5});
        Permit third(std::move(second));
        expect(1, 500, 1, 0);
    }
    expect(1, 500, 0, 5);
}

TEST_F(PermitTest, SettlesWhatItHeldWhenItIsAssignedTo) {
    Permit kept = permit();
    Permit other = permit();
    expect(2, 1'000, 2, 0);
    kept = std::move(other);
    expect(1, 500, 1, 0);
    kept.settle(Tokens{500}, MicroUsd{1}, MicroUsd{1}, kNow);
    expect(1, 500, 0, 1);
}

TEST_F(PermitTest, SurvivesBeingMovedToItself) {
    Permit held = permit();
    Permit& same = held;
    held = std::move(same);
    EXPECT_FALSE(held.empty());
    expect(1, 500, 1, 0);
}

TEST_F(PermitTest, CannotSettleTwice) {
    Permit settled = permit();
    settled.settle(Tokens{1}, MicroUsd{1}, MicroUsd{1}, kNow);
    EXPECT_DEATH(settled.settle(Tokens{1}, MicroUsd{1}, MicroUsd{1}, kNow), "settled twice");
    EXPECT_DEATH(settled.sent(MicroUsd{1}), "without a permit");
}

TEST_F(PermitTest, CannotBeUsedBeforeItIsFunded) {
    Permit unfunded = admitted();
    EXPECT_DEATH(unfunded.sent(MicroUsd{1}), "nobody has funded");
}

TEST_F(PermitTest, GivesItsMoneyBackWhenNothingWasSent) {
    const auto team = account(100), org = account(1'000);
    {
        const Permit dropped = permit({team, org}, {60});
        expect(*team, 0, 60, 40);
        expect(*org, 0, 60, 940);
    }
    expect(*team, 0, 0, 100);
    expect(*org, 0, 0, 1'000);
}

TEST_F(PermitTest, KeepsTheMoneyOfAnAttemptThatWasSent) {
    const auto team = account(100);
    {
        Permit dropped = permit({team}, {60});
        dropped.sent({50});
    }
    expect(*team, 50, 0, 50);
}

TEST_F(PermitTest, SettlesEachBudgetToTheTruth) {
    const auto team = account(100), org = account(1'000);
    Permit settled = permit({team, org}, {60});
    settled.sent({50});
    EXPECT_EQ(settled.settle(Tokens{1}, {7}, {7}, kNow).value, 7);
    expect(*team, 7, 0, 93);
    expect(*org, 7, 0, 993);
}

TEST_F(PermitTest, ChargesBudgetsAllThatItCanHaveCostAndTheKeyWhatWasCounted) {
    const auto team = account(100);
    Permit settled = permit({team}, {60});
    settled.sent({60});
    EXPECT_EQ(settled.settle(Tokens{1}, {7}, {41}, kNow).value, 41);
    expect(*team, 41, 0, 59);
    expect(1, 1, 0, 7);
}

TEST_F(PermitTest, ChargesMoreThanWasReservedAllTheSame) {
    const auto team = account(100);
    Permit settled = permit({team}, {60});
    settled.sent({60});
    EXPECT_EQ(settled.reserved().value, 60);
    EXPECT_EQ(settled.settle(Tokens{1}, {130}, {130}, kNow).value, 130);
    expect(*team, 130, 0, -30);
}

TEST_F(PermitTest, PaysForAnAttemptThatWasLostAndForTheOneThatAnswered) {
    const auto team = account(200);
    Permit settled = permit({team}, {60});
    settled.sent({50});
    settled.lost();
    EXPECT_TRUE(settled.covers({10})) << "with the rest";
    ASSERT_FALSE(settled.covers({11}));
    settled.conclude();
    expect(*team, 50, 0, 150);
    fund(settled, {team}, {60});
    EXPECT_EQ(settled.reserved().value, 110);
    settled.sent({60});
    EXPECT_EQ(settled.settle(Tokens{1}, {7}, {7}, kNow).value, 57);
    expect(*team, 57, 0, 143);
}

// No money came for another attempt.
TEST_F(PermitTest, PaysForALostAttemptAlone) {
    for (const bool settles : {false, true}) {
        const auto team = account(100);
        Permit held = permit({team}, {60});
        held.sent({50});
        held.lost();
        held.conclude();
        EXPECT_EQ(held.reserved().value, 50);
        EXPECT_DEATH(held.sent({60}), "nobody has funded");
        if (settles) {
            EXPECT_EQ(held.settle(Tokens{1}, {9}, {9}, kNow).value, 50);
        }
        {
            const Permit gone = std::move(held);
        }
        expect(*team, 50, 0, 50);
    }
}

TEST_F(PermitTest, PaysNothingForAnAttemptThatWasRefused) {
    const auto team = account(60);
    Permit settled = permit({team}, {60});
    settled.sent({60});
    settled.refused();
    ASSERT_TRUE(settled.covers({60})) << "with the money of the first";
    settled.sent({60});
    EXPECT_EQ(settled.settle(Tokens{1}, {7}, {7}, kNow).value, 7);
    expect(*team, 7, 0, 53);
}

TEST_F(PermitTest, SendsNoAttemptBeyondWhatIsReserved) {
    const auto org = account(1'000), team = account(100);
    {
        Permit held = permit({org, team}, {60});
        held.sent({50});
        held.lost();
        EXPECT_FALSE(held.covers({60}));
        EXPECT_DEATH(held.sent({60}), "beyond what is reserved");
    }
    expect(*org, 50, 0, 950);
    expect(*team, 50, 0, 50);
}

TEST_F(PermitTest, GivesBackWhatAnAttemptCanNoLongerCost) {
    const auto team = account(200);
    Permit held = permit({team}, {60});
    held.shrink({1});
    expect(*team, 0, 60, 140);  // nothing is under way that could be cheaper
    held.sent({50});
    held.lost();
    held.conclude();
    fund(held, {team}, {60});
    held.sent({55});
    held.shrink({70});
    expect(*team, 50, 60, 90);
    held.shrink({20});
    expect(*team, 50, 20, 130);
    held = permit({}, {});
    expect(*team, 70, 0, 130);
}

TEST_F(PermitTest, ChargesABudgetThatIsOnlyObservedWhatItLacks) {
    const auto watched = account(10), team = account(200);
    Funds funds;
    ASSERT_TRUE(team->reserve({60}));
    funds.add(team, {60}, true);
    funds.add(watched, {}, false);
    {
        Permit held = admitted();
        held.fund(std::move(funds), {60});
        held.sent({60});
        held.lost();
        held.conclude();
        expect(*watched, 60, 0, -50);
        Funds more;
        ASSERT_TRUE(team->reserve({60}));
        more.add(team, {60}, true);
        more.add(watched, {}, false);
        held.fund(std::move(more), {60});
        held.sent({60});
        held.shrink({30});
        expect(*watched, 60, 0, -50);
    }
    expect(*watched, 90, 0, -80);
    expect(*team, 90, 0, 110);
}

TEST_F(PermitTest, MovesItsMoneyAlong) {
    const auto team = account(100);
    {
        Permit first = permit({team}, {60});
        Permit second(std::move(first));
        second.sent({50});
        Permit third = permit();
        third = std::move(second);
        expect(*team, 0, 60, 40);
        EXPECT_EQ(team.use_count(), 2);
    }
    expect(*team, 50, 0, 50);
    EXPECT_EQ(team.use_count(), 1) << "accounts live no longer than somebody needs them";
}

// Whatever is done with many permits in many budgets, nothing is left reserved, and each account is
// charged exactly what its permits were.
TEST_F(PermitTest, LeavesNothingReservedWhateverHappens) {
    Rng rng(4);
    std::vector<std::shared_ptr<Account>> accounts;
    std::vector<std::int64_t> owed(5, 0);
    for (int i = 0; i < 5; ++i) accounts.push_back(account(1'000'000));
    for (int round = 0; round < 2'000; ++round) {
        std::vector<std::size_t> under;
        std::vector<std::shared_ptr<Account>> mine;
        for (std::size_t i = 0; i < accounts.size(); ++i) {
            if (!rng.chance(0.5)) continue;
            under.push_back(i);
            mine.push_back(accounts[i]);
        }
        std::int64_t lost = 0;
        std::optional<std::int64_t> flying;
        Permit held = permit(mine, {100}, {});
        for (std::uint64_t attempts = rng.below(4); attempts > 0 && !flying; --attempts) {
            if (!held.covers({100})) {
                held.conclude();
                if (rng.chance(0.2)) break;
                fund(held, mine, {100});
            }
            flying = static_cast<std::int64_t>(rng.below(101));
            held.sent({*flying});
            if (rng.chance(0.3)) {
                const auto less = static_cast<std::int64_t>(rng.below(100));
                held.shrink({less});
                flying = std::min(*flying, less);
            }
            if (rng.chance(0.4)) {
                held.lost();
                lost += *std::exchange(flying, std::nullopt);
            } else if (rng.chance(0.4)) {
                held.refused();
                flying.reset();
            }
        }
        std::int64_t charge = lost + flying.value_or(0);  // dropped
        if (rng.chance(0.5)) {
            const auto cost = static_cast<std::int64_t>(rng.below(130));
            charge = lost + (flying ? cost : 0);
            EXPECT_EQ(held.settle(Tokens{1}, {cost}, {cost}, kNow).value,
                      mine.empty() ? 0 : charge);
        }
        {
            const Permit gone = std::move(held);
        }
        for (const std::size_t i : under) owed[i] += charge;
    }
    for (std::size_t i = 0; i < accounts.size(); ++i) {
        EXPECT_EQ(accounts[i]->reserved().value, 0);
        EXPECT_EQ(accounts[i]->spent().value, owed[i]);
        EXPECT_TRUE(accounts[i]->balance().conserved());
    }
}

}  // namespace
}  // namespace vidai::node::admit
