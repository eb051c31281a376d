// SPDX-License-Identifier: Apache-2.0
// `vidaictl budget`: what it asks a node for, and what it shows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/recorded.h"

namespace vidai::cli {
namespace {

using testing::HasSubstr;

class Budgets : public Shell {
  protected:
    Budgets() {
        mesh::BudgetStanding budget{BudgetId("team-a"),
                                    NodeId("n2"),
                                    {50'000'000},
                                    {31'000'000},
                                    {20'250'000},
                                    {1'000'000},
                                    {}};
        budget.leases.push_back({NodeId("n1"), {9'000'000}, {8'000'000}, {500'000}, false});
        budget.leases.push_back({NodeId("n3"), {2'000'000}, {1'250'000}, {}, true});
        recording_.budgets.budgets = {budget};
    }
};

TEST_F(Budgets, AreMadeAndChangedWithExactAmounts) {
    const Outcome made = asked({"budget", "create", "team-a", "--limit", "50.000001usd"});
    EXPECT_EQ(made.status, 0) << made.err;
    EXPECT_EQ(recording_.budget_changed->op, mesh::BudgetOp::kCreate);
    EXPECT_EQ(recording_.budget_changed->budget.str(), "team-a");
    EXPECT_EQ(recording_.budget_changed->limit, MicroUsd{50'000'001});
    EXPECT_EQ(recording_.budget_changed->window, "");
    EXPECT_THAT(made.out, HasSubstr("Left:    20.25usd\n"));
    EXPECT_EQ(asked({"budget", "set", "team-a", "--limit", "0usd"}).status, 0);
    EXPECT_EQ(recording_.budget_changed->op, mesh::BudgetOp::kSet);
    EXPECT_EQ(recording_.budget_changed->limit, MicroUsd{0});
}

TEST_F(Budgets, AreToppedUpForAWhile) {
    mesh::BudgetStanding& budget = recording_.budgets.budgets[0];
    budget.top_ups = {{"fair", {20'000'000}, WallTime(std::chrono::days(20'000)), "the fair"}};
    budget.in_force = {70'000'000};
    const Outcome made = asked({"budget", "top-up", "team-a", "20usd", "--until", "2026-12-24",
                                "--note", "the fair", "--id", "fair"});
    EXPECT_EQ(made.status, 0) << made.err;
    EXPECT_EQ(recording_.budget_changed->op, mesh::BudgetOp::kTopUp);
    EXPECT_EQ(recording_.budget_changed->top_up.amount, MicroUsd{20'000'000});
    EXPECT_EQ(
        recording_.budget_changed->top_up.until,
        WallTime(std::chrono::sys_days(std::chrono::year(2026) / 12 / 24).time_since_epoch()));
    EXPECT_EQ(recording_.budget_changed->top_up.id, "fair");
    EXPECT_EQ(recording_.budget_changed->top_up.note, "the fair");
    EXPECT_EQ(recording_.budget_changed->limit, std::nullopt);
    EXPECT_THAT(made.out, HasSubstr("Limit:     50usd\n"));
    EXPECT_THAT(made.out, HasSubstr("In force:  70usd with top-ups\n"));
    EXPECT_THAT(made.out,
                HasSubstr("Top-up:    fair: 20usd until 2024-10-04T00:00:00Z (the fair)"));
    EXPECT_THAT(asked({"budget", "list"}).out, HasSubstr("team-a  70usd+"));

    EXPECT_EQ(asked({"budget", "top-up", "team-a", "1usd", "--until", "3d"}).status, 0);
    EXPECT_GT(recording_.budget_changed->top_up.until, WallTime{});
    EXPECT_EQ(recording_.budget_changed->top_up.id, "");
    EXPECT_EQ(asked({"budget", "top-up", "team-a", "1usd"}).status, 0);
    EXPECT_EQ(recording_.budget_changed->top_up.until, WallTime{}) << "the owner knows its window";
    EXPECT_EQ(asked({"budget", "top-up", "team-a", "--end", "fair"}).status, 0);
    EXPECT_EQ(recording_.budget_changed->op, mesh::BudgetOp::kEndTopUp);
    EXPECT_EQ(recording_.budget_changed->top_up.id, "fair");
}

TEST_F(Budgets, AreNotToppedUpByHalfASentence) {
    for (const std::vector<const char*>& line :
         {std::vector<const char*>{"budget", "top-up", "team-a"},
          {"budget", "top-up", "team-a", "0usd"},
          {"budget", "top-up", "team-a", "much"},
          {"budget", "top-up", "team-a", "1usd", "--until", "soon"},
          {"budget", "top-up", "team-a", "1usd", "--end", "fair"},
          {"budget", "top-up", "team-a", "--end", "fair", "--note", "x"}}) {
        EXPECT_NE(asked(line).status, 0) << line.back();
        EXPECT_FALSE(recording_.budget_changed) << line.back();
    }
}

TEST_F(Budgets, MayRenewAndBeDeleted) {
    mesh::BudgetStanding& budget = recording_.budgets.budgets[0];
    budget.window = "month";
    budget.zone = "Europe/Berlin";
    budget.renews = WallTime(std::chrono::days(20'000));
    const Outcome made = asked({"budget", "create", "team-a", "--limit", "50usd", "--window",
                                "month", "--tz", "Europe/Berlin"});
    EXPECT_EQ(made.status, 0) << made.err;
    EXPECT_EQ(recording_.budget_changed->window, "month");
    EXPECT_EQ(recording_.budget_changed->zone, "Europe/Berlin");
    EXPECT_THAT(made.out, HasSubstr("Window:  month, Europe/Berlin\n"));
    EXPECT_THAT(made.out, HasSubstr("Renews:  2024-10-04T00:00:00Z\n"));
    EXPECT_THAT(asked({"budget", "list"}).out,
                HasSubstr("team-a  50usd  20.25usd  enforced  month   2024-10-04T00:00:00Z  n2\n"));
    budget.clock_off = true;
    EXPECT_THAT(asked({"budget", "show", "team-a"}).out, HasSubstr("the clock of n2 is off"));

    EXPECT_EQ(asked({"budget", "set", "team-a", "--window", "none"}).status, 0);
    EXPECT_EQ(recording_.budget_changed->limit, std::nullopt);
    EXPECT_EQ(recording_.budget_changed->window, "none");
    const Outcome gone = asked({"budget", "delete", "team-a"});
    EXPECT_EQ(gone.status, 0) << gone.err;
    EXPECT_EQ(recording_.budget_changed->op, mesh::BudgetOp::kDelete);
    EXPECT_THAT(gone.out, HasSubstr("Deleted:  team-a\n"));
}

TEST_F(Budgets, ThatMakeNoSenseAreNotAskedFor) {
    const std::vector<const char*> wrong[] = {
        {"budget", "create", "team-a"},
        {"budget", "create", "team-a", "--limit", "50"},
        {"budget", "create", "team-a", "--limit", "-5usd"},
        {"budget", "create", "team-a", "--limit", "0.0000001usd"},
        {"budget", "create", "team-a", "--limit", "1e3usd"},
        {"budget", "create", "team a", "--limit", "5usd"},
        {"budget", "create", "--limit", "5usd"},
        {"budget", "create", "team-a", "--window", "day"},
        {"budget", "create", "team-a", "--limit", "5usd", "--window", "hour"},
        {"budget", "create", "team-a", "--limit", "5usd", "--tz", "Europe/Berlin"},
        {"budget", "set", "team-a", "--window", "none", "--tz", "UTC"},
        {"budget", "set", "team-a", "--tz", "UTC"},
        {"budget", "set", "team-a"},
        {"budget", "set", "team-a", "--observe", "--enforce"},
        {"budget", "create", "team-a", "--observe"},
        {"budget", "set", "team-a", "--alert", "50"},
        {"budget", "set", "team-a", "--alert", "80%,50%"},
        {"budget", "set", "team-a", "--alert", "0%"},
        {"budget", "set", "team-a", "--alert", "101%"},
        {"budget", "set", "team-a", "--alert", "50%,"},
        {"budget", "set", "team-a", "--alert", "1%,2%,3%,4%,5%,6%,7%,8%,9%"},
        {"budget", "delete"},
        {"budget", "show"},
    };
    for (const auto& words : wrong) {
        const Outcome outcome = asked(words);
        EXPECT_EQ(outcome.status, 2) << outcome.err;
        EXPECT_FALSE(recording_.budget_changed) << outcome.out;
    }
}

TEST_F(Budgets, ShowWhoHoldsWhatAndWhatIsStranded) {
    const Outcome shown = asked({"budget", "show", "team-a"});
    EXPECT_THAT(shown.out, HasSubstr("Owner:   n2\n"));
    EXPECT_THAT(shown.out, HasSubstr("Pool:    1usd\n"));
    EXPECT_THAT(shown.out, HasSubstr("n1         8usd   0.5usd  held\n"));
    EXPECT_THAT(shown.out, HasSubstr("n3      1.25usd  0.75usd  stranded\n"));
    const Outcome json = asked({"budget", "show", "team-a", "-o", "json"});
    EXPECT_THAT(json.out, HasSubstr("\"limit_micro_usd\": 50000000"));
    EXPECT_THAT(json.out, HasSubstr("\"lost\": true"));
}

TEST_F(Budgets, AreObservedBeforeTheyAreEnforced) {
    EXPECT_EQ(asked({"budget", "set", "team-a", "--limit", "5usd"}).status, 0);
    EXPECT_EQ(recording_.budget_changed->enforce, std::nullopt) << "what is not said stays";
    mesh::BudgetStanding& budget = recording_.budgets.budgets[0];
    budget.enforce = false;
    budget.would_refuse = 12;
    const Outcome made = asked({"budget", "create", "team-a", "--limit", "5usd", "--observe"});
    EXPECT_EQ(made.status, 0) << made.err;
    EXPECT_EQ(recording_.budget_changed->enforce, false);
    EXPECT_THAT(made.out, HasSubstr("observed: refuses nothing\n"));
    const Outcome shown = asked({"budget", "show", "team-a"});
    EXPECT_THAT(shown.out, HasSubstr("Would refuse:  12 requests so far\n"));
    EXPECT_THAT(asked({"budget", "list"}).out, HasSubstr("observed"));
    EXPECT_THAT(asked({"budget", "show", "team-a", "-o", "json"}).out,
                HasSubstr("\"would_refuse\": 12"));
    EXPECT_EQ(asked({"budget", "set", "team-a", "--enforce"}).status, 0);
    EXPECT_EQ(recording_.budget_changed->enforce, true);
    EXPECT_EQ(recording_.budget_changed->limit, std::nullopt);
}

TEST_F(Budgets, TellOfThresholds) {
    EXPECT_EQ(asked({"budget", "set", "team-a", "--alert", "50%,80%,100%"}).status, 0);
    EXPECT_EQ(recording_.budget_changed->alerts, (std::vector<std::uint8_t>{50, 80, 100}));
    EXPECT_EQ(asked({"budget", "set", "team-a", "--alert", "none"}).status, 0);
    EXPECT_EQ(recording_.budget_changed->alerts, std::vector<std::uint8_t>{});
    EXPECT_EQ(asked({"budget", "set", "team-a", "--limit", "5usd"}).status, 0);
    EXPECT_EQ(recording_.budget_changed->alerts, std::nullopt);
    recording_.budgets.budgets[0].alerts = {50, 80};
    EXPECT_THAT(asked({"budget", "show", "team-a"}).out, HasSubstr("Alerts:  50%,80%\n"));
    recording_.budgets.budgets[0].alerted = 50;
    EXPECT_THAT(asked({"budget", "show", "team-a"}).out,
                HasSubstr("Alerts:  50%,80%, reached 50%\n"));
}

TEST_F(Budgets, AreListedAndSoAreThoseWhoDoNotAnswer) {
    recording_.budgets.silent = {NodeId("n9")};
    const Outcome listed = asked({"budget", "list"});
    EXPECT_THAT(listed.out, HasSubstr("team-a  50usd  20.25usd  enforced  -       -       n2\n"));
    EXPECT_THAT(listed.err, HasSubstr("n9 does not answer"));
    recording_.budgets = {};
    EXPECT_THAT(asked({"budget", "list"}).err, HasSubstr("No budgets yet"));
}

}  // namespace
}  // namespace vidai::cli
