// SPDX-License-Identifier: Apache-2.0
#include "node/admit/funding.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mesh/budget/asks.h"

namespace vidai::node::admit {
namespace {

using mesh::budget::Account;
using mesh::budget::BudgetEntry;
using State = BudgetEntry::State;
using Step = Funding::Step;

constexpr WallTime kNow{std::chrono::minutes(30'000'000)};

struct FundingTest : testing::Test {
    FundingTest() { counters.open(0); }

    std::shared_ptr<Account> budget(const std::string& id, std::int64_t granted,
                                    State state = State::kOpen, std::int64_t left = 1'000'000) {
        BudgetEntry entry;
        entry.id = BudgetId(id);
        entry.account = std::make_shared<Account>();
        entry.account->on_grant({granted});
        entry.limit = {50'000'000};
        entry.left = {left};
        entry.state = state;
        entry.renews = kNow;
        publish(entry);
        key.budgets.push_back(entry.id);
        return entry.account;
    }
    void publish(const BudgetEntry& entry) { table = table.with(std::vector{entry}); }
    BudgetEntry known(const std::string& id) { return *table.find(id); }

    Funding ask(std::int64_t worst_case, Patience patience = Patience::kMayWait) {
        permit.emplace(counters,
                       counters.admit(0, mesh::state::KeyLimits{}, {1, Tokens{}}, kNow).ticket);
        return fund(*permit, key, {worst_case}, table, asks, patience);
    }
    ErrorCode refused(std::int64_t worst_case, Patience patience = Patience::kMayWait) {
        const Funding funding = ask(worst_case, patience);
        EXPECT_EQ(funding.step, Step::kRefused);
        EXPECT_FALSE(permit->funded());
        return funding.error ? funding.error->code : ErrorCode::kInternal;
    }

    mesh::limits::CounterTable counters{16};
    mesh::state::KeyRecord key;
    mesh::budget::BudgetTable table;
    mesh::budget::Asks asks;
    std::optional<Permit> permit;
};

TEST_F(FundingTest, NeedsNothingForAKeyUnderNoBudget) {
    EXPECT_EQ(ask(1'000'000).step, Step::kFunded);
    EXPECT_TRUE(permit->funded());
    EXPECT_EQ(permit->reserved().value, 0);
}

TEST_F(FundingTest, ReservesTheSameInEachBudget) {
    const auto team = budget("team", 100), org = budget("org", 1'000);
    EXPECT_EQ(ask(60).step, Step::kFunded);
    EXPECT_EQ(team->free().value, 40);
    EXPECT_EQ(org->free().value, 940);
    EXPECT_TRUE(asks.take().empty()) << "nobody need be asked";
    permit.reset();
    EXPECT_EQ(team->free().value, 100);
    EXPECT_EQ(org->free().value, 1'000);
}

TEST_F(FundingTest, TakesAllOrNothingAndAsksForAllThatLackAtOnce) {
    const auto org = budget("org", 1'000), team = budget("team", 59), app = budget("app", 0);
    const Funding funding = ask(60);
    EXPECT_EQ(funding.step, Step::kWait);
    EXPECT_FALSE(permit->funded());
    EXPECT_EQ(org->free().value, 1'000) << "nothing is held while waiting";
    EXPECT_EQ(org->balance(), (mesh::budget::Balance{{1'000}, {}, {}, {}, {1'000}}));
    const auto asked = asks.take();
    EXPECT_EQ(asked.size(), 2U);
    EXPECT_EQ(asked.at(BudgetId("team")).value, 60);
    EXPECT_EQ(asked.at(BudgetId("app")).value, 60);
    team->on_grant({60});
    app->on_grant({60});
    EXPECT_EQ(fund(*permit, key, {60}, table, asks, Patience::kMayWait).step, Step::kFunded);
    EXPECT_EQ(team->free().value, 0);
}

TEST_F(FundingTest, WaitsForAnAccountThatThisNodeDoesNotHaveYet) {
    budget("team", 0);
    BudgetEntry fresh = known("team");
    fresh.account = nullptr;
    fresh.left = {};
    publish(fresh);
    EXPECT_EQ(ask(60).step, Step::kWait);
    EXPECT_EQ(asks.take().size(), 1U);
    EXPECT_EQ(refused(60, Patience::kIsOver), ErrorCode::kBudgetBusy)
        << "nobody has said that nothing is left";
}

TEST_F(FundingTest, TakesTheAbsenceOfABudgetForARefusal) {
    const auto team = budget("team", 100);
    key.budgets.emplace_back("nobody-knows");
    const Funding funding = ask(60);
    EXPECT_EQ(funding.step, Step::kRefused);
    EXPECT_EQ(funding.error->code, ErrorCode::kBudgetUnknown);
    EXPECT_NE(funding.error->message.find("nobody-knows"), std::string::npos);
    EXPECT_EQ(funding.refusal->budget, "nobody-knows");
    EXPECT_EQ(funding.refusal->reason, "unknown");
    EXPECT_EQ(team->free().value, 100);
    EXPECT_EQ(refused(0), ErrorCode::kBudgetUnknown) << "also for what costs nothing";
}

TEST_F(FundingTest, RefusesWhatADeletedBudgetStillHas) {
    const auto team = budget("team", 100, State::kDeleted);
    EXPECT_EQ(refused(60), ErrorCode::kBudgetDeleted);
    EXPECT_EQ(refused(0), ErrorCode::kBudgetDeleted);
    EXPECT_EQ(team->free().value, 100);
}

TEST_F(FundingTest, RefusesAtOnceWhatAnExhaustedBudgetLacks) {
    budget("team", 59, State::kExhausted, 40);
    const Funding funding = ask(60);
    EXPECT_EQ(funding.error->code, ErrorCode::kBudgetExhausted);
    EXPECT_EQ(funding.refusal->reason, "exhausted");
    EXPECT_EQ(funding.refusal->renews_at, "2027-01-15T08:00:00Z");
    EXPECT_NE(funding.error->message.find("0.000040usd of 50.000000usd"), std::string::npos)
        << funding.error->message;
    EXPECT_NE(funding.error->message.find("renews at 2027-01-15T08:00:00Z"), std::string::npos);
    EXPECT_EQ(asks.take().size(), 1U) << "so that a raise is heard of";
    EXPECT_EQ(ask(59).step, Step::kFunded) << "what is here may be spent";
}

TEST_F(FundingTest, WaitsForWhatIsLeftOfAnExhaustedBudgetWhereItWouldDo) {
    budget("team", 0, State::kExhausted, 60);
    EXPECT_EQ(ask(60).step, Step::kWait);
    EXPECT_EQ(refused(60, Patience::kIsOver), ErrorCode::kBudgetBusy);
}

TEST_F(FundingTest, SaysOnceTheWaitIsOverWhatTheOwnerSaidLast) {
    budget("team", 0, State::kOpen, 60);
    EXPECT_EQ(refused(60, Patience::kIsOver), ErrorCode::kBudgetBusy);
    EXPECT_EQ(refused(61, Patience::kIsOver), ErrorCode::kBudgetExhausted);
}

TEST_F(FundingTest, NamesWhyABudgetCannotGrant) {
    for (const State state : {State::kOwnerUnreachable, State::kNoCustodian, State::kTakeover,
                              State::kLogFrozen, State::kLogLost, State::kClock}) {
        key.budgets.clear();
        const auto team = budget("team", 50, state);
        const Funding funding = ask(60);
        ASSERT_EQ(funding.step, Step::kRefused) << mesh::budget::state_name(state);
        EXPECT_EQ(funding.error->code, ErrorCode::kBudgetUnavailable);
        EXPECT_EQ(funding.refusal->reason, mesh::budget::state_name(state));
        EXPECT_NE(funding.error->message.find(mesh::budget::state_name(state)), std::string::npos);
        EXPECT_EQ(asks.take().size(), 1U);
        EXPECT_EQ(ask(50).step, Step::kFunded) << "every node may spend what it holds";
    }
}

TEST_F(FundingTest, PassesWhatCostsNothingWhateverItsBudgetHas) {
    const auto team = budget("team", 0, State::kExhausted, 0);
    team->settle({0}, {10});  // in debt
    EXPECT_EQ(ask(0).step, Step::kFunded);
    BudgetEntry fresh = known("team");
    fresh.account = nullptr;
    publish(fresh);
    EXPECT_EQ(ask(0).step, Step::kFunded);
    EXPECT_TRUE(asks.take().empty());
}

TEST_F(FundingTest, NamesTheBudgetThatNoWaitingHelps) {
    budget("busy", 0);
    budget("away", 0, State::kOwnerUnreachable);
    budget("spent", 0, State::kExhausted, 0);
    const Funding funding = ask(60);
    EXPECT_EQ(funding.refusal->budget, "spent");
    EXPECT_EQ(asks.take().size(), 3U);
}

TEST_F(FundingTest, RefusesNobodyForABudgetThatIsOnlyObserved) {
    const auto watched = budget("watched", 10, State::kExhausted, 10), team = budget("team", 200);
    BudgetEntry entry = known("watched");
    entry.enforce = false;
    publish(entry);
    const Funding funding = ask(60);
    EXPECT_EQ(funding.step, Step::kFunded);
    EXPECT_EQ(funding.would_refuse, ErrorCode::kBudgetExhausted);
    EXPECT_EQ(watched->would_refuse(), 1U);
    EXPECT_EQ(team->would_refuse(), 0U);
    EXPECT_EQ(asks.take().size(), 1U);
    permit->sent({60});
    EXPECT_EQ(permit->settle(Tokens{}, {50}, {50}, kNow).value, 50);
    EXPECT_EQ(watched->spent().value, 50);
    EXPECT_EQ(watched->free().value, -40);
    EXPECT_EQ(team->free().value, 150);
    entry.account = nullptr;
    publish(entry);
    EXPECT_EQ(ask(60).step, Step::kFunded);
    EXPECT_EQ(watched->would_refuse(), 1U) << "nobody can tell of what it holds no account of";
}

// Else each request that comes before the first grant would count as refused.
TEST_F(FundingTest, WaitsForMoneyOfAnObservedBudgetAsForAnyOther) {
    const auto watched = budget("watched", 10), team = budget("team", 200);
    BudgetEntry entry = known("watched");
    entry.enforce = false;
    publish(entry);
    const Funding waits = ask(60);
    EXPECT_EQ(waits.step, Step::kWait);
    EXPECT_FALSE(waits.reach) << "nobody's answer is cut short for it";
    EXPECT_EQ(team->free().value, 200) << "meanwhile it holds nothing";
    const Funding over = ask(60, Patience::kIsOver);
    EXPECT_EQ(over.step, Step::kFunded);
    EXPECT_EQ(over.would_refuse, ErrorCode::kBudgetBusy);
    EXPECT_EQ(watched->would_refuse(), 1U);
    permit.reset();

    entry.state = State::kOwnerUnreachable;
    publish(entry);
    EXPECT_EQ(ask(60).would_refuse, ErrorCode::kBudgetUnavailable);
    watched->on_grant({100});
    EXPECT_EQ(ask(60).would_refuse, std::nullopt);
    EXPECT_EQ(watched->would_refuse(), 2U);

    // Refused by another one, it is not counted: nothing was let through.
    BudgetEntry spent = known("team");
    spent.state = State::kExhausted;
    spent.left = {};
    publish(spent);
    team->give_back({200});
    EXPECT_EQ(refused(600), ErrorCode::kBudgetExhausted);
    EXPECT_EQ(watched->would_refuse(), 2U);
}

TEST_F(FundingTest, SaysThatABudgetDoesNotRenew) {
    budget("team", 0, State::kExhausted, 0);
    BudgetEntry entry = known("team");
    entry.renews = {};
    publish(entry);
    const Funding funding = ask(60);
    EXPECT_EQ(funding.refusal->renews_at, "");
    EXPECT_NE(funding.error->message.find("does not renew"), std::string::npos);
}

TEST_F(FundingTest, NamesTheClockWhereMoreMayBeThereAlready) {
    for (const State state : {State::kExhausted, State::kOpen}) {
        budget("team", 40, state, 50);
        BudgetEntry entry = known("team");
        entry.renews = {};
        entry.renewal_untold = true;
        publish(entry);
        const Funding funding = ask(60, Patience::kIsOver);
        EXPECT_EQ(funding.error->code, ErrorCode::kBudgetUnavailable);
        EXPECT_EQ(funding.refusal->reason, "clock");
        EXPECT_NE(funding.error->message.find("a clock is off"), std::string::npos);
        EXPECT_EQ(funding.reach, MicroUsd{40}) << "a smaller request is served";
        EXPECT_EQ(ask(40).step, Step::kFunded);
        key.budgets.clear();
    }
}

TEST(Asks, CountsABudgetOnceByItsGreatestNeed) {
    mesh::budget::Asks asks;
    asks.ask(BudgetId("a"), {3});
    asks.ask(BudgetId("a"), {7});
    asks.ask(BudgetId("a"), {5});
    asks.ask(BudgetId("b"), {1});
    const auto needs = asks.take();
    EXPECT_EQ(needs.size(), 2U);
    EXPECT_EQ(needs.at(BudgetId("a")).value, 7);
    EXPECT_TRUE(asks.take().empty());
}

TEST(Asks, HoldsNoMoreBudgetsThanItMay) {
    mesh::budget::Asks asks;
    for (std::size_t i = 0; i < mesh::budget::Asks::kBudgetsMax + 10; ++i) {
        asks.ask(BudgetId("b" + std::to_string(i)), {1});
    }
    EXPECT_EQ(asks.take().size(), mesh::budget::Asks::kBudgetsMax);
}

TEST_F(FundingTest, SaysWhatMayBeGrantedWhereMoneyIsAllThatLacks) {
    budget("team", 40, State::kOpen, 500);
    budget("org", 30, State::kOpen, 700);
    Funding funding = ask(600);
    EXPECT_EQ(funding.step, Step::kWait);
    EXPECT_EQ(funding.reach, MicroUsd{500}) << "the owner of the first has no more than that";
    funding = ask(600, Patience::kIsOver);
    EXPECT_EQ(funding.step, Step::kRefused);
    EXPECT_EQ(funding.reach, MicroUsd{30}) << "nobody waits any more: what is here";
    EXPECT_EQ(ask(30, Patience::kIsOver).step, Step::kFunded);
    budget("gone", 0, State::kDeleted);
    EXPECT_FALSE(ask(600, Patience::kIsOver).reach);
}

TEST_F(FundingTest, BindsByABudgetThatIsKnownAndRefuses) {
    EXPECT_FALSE(binds(key, table)) << "none";
    key.budgets.push_back(BudgetId("nobody-knows-it"));
    EXPECT_FALSE(binds(key, table)) << "fund() refuses it by its own name";
    budget("gone", 0, State::kDeleted);
    EXPECT_FALSE(binds(key, table));
    budget("watched", 0);
    BudgetEntry watched = known("watched");
    watched.enforce = false;
    publish(watched);
    EXPECT_FALSE(binds(key, table));
    budget("team", 0);
    EXPECT_TRUE(binds(key, table));
}

}  // namespace
}  // namespace vidai::node::admit
