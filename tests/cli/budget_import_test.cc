// SPDX-License-Identifier: Apache-2.0
// `vidaictl budget export` and `import`: what is written, what is read, and what a node is asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/commands/budget_file.h"
#include "tests/cli/recorded.h"

namespace vidai::cli {
namespace {

using commands::BudgetDefinition;
using testing::HasSubstr;

const std::vector<BudgetDefinition> kAll = {
    {BudgetId("1e3"), {250'000}, "none", "", true},
    {BudgetId("team:a/b"), {50'000'000}, "month", "Europe/Berlin", false},
    {BudgetId("team-b"), {0}, "day", "", true, {50, 100}}};

TEST(BudgetFile, IsReadAsItWasWritten) {
    const auto read = commands::read_budget_file(commands::write_budget_file(kAll), "file");
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(*read, kAll);
    const auto none = commands::read_budget_file(commands::write_budget_file({}), "file");
    ASSERT_TRUE(none.has_value()) << none.error().message;
    EXPECT_TRUE(none->empty());
}

TEST(BudgetFile, SaysWhereItIsWrong) {
    const std::pair<const char*, const char*> wrong[] = {
        {"teams: []\n", "f:1: the file has one key"},
        {"budgets: 3\n", "f:1: the file has one key"},
        {"budgets:\n  - a\n", "f:2: a budget has at least"},
        {"budgets:\n  - name: a\n", "f:2: a budget has a `name` and a `limit`"},
        {"budgets:\n  - name: a b\n    limit: 5usd\n", "f:2: a budget's id"},
        {"budgets:\n  - name: a\n    limit: 5\n", "f:3: `limit` takes"},
        {"budgets:\n  - name: a\n    limit: 5usd\n    window: hour\n", "f:4: `window` takes"},
        {"budgets:\n  - name: a\n    limit: 5usd\n    tz: UTC+1\n", "it needs one"},
        {"budgets:\n  - name: a\n    limit: 5usd\n    mode: off\n", "f:4: `mode` takes"},
        {"budgets:\n  - name: a\n    limit: 5usd\n    spent: 1usd\n",
         "f:4: a budget has no 'spent'"},
        {"budgets:\n  - name: a\n    limit: 5usd\n    alert: 50\n", "f:4: `alert` takes"},
        {"budgets:\n  - name: a\n    limit: [5usd]\n", "f:3: `limit` takes one word"},
        {"budgets:\n  - name: a\n    limit: 5usd\n  - name: a\n    limit: 6usd\n", "there twice"},
        {"budgets: [\n", "f:"},
    };
    for (const auto& [text, why] : wrong) {
        const auto read = commands::read_budget_file(text, "f");
        ASSERT_FALSE(read.has_value()) << text;
        EXPECT_EQ(read.error().code, ErrorCode::kConfigInvalid) << text;
        EXPECT_THAT(read.error().message, HasSubstr(why)) << text;
    }
}

class BudgetImport : public Shell {
  protected:
    BudgetImport() {
        mesh::BudgetStanding team;
        team.budget = BudgetId("team-a");
        team.owner = NodeId("n2");
        team.limit = {50'000'000};
        team.left = {1};
        team.window = "month";
        recording_.budgets.budgets = {team};
    }
    std::string file(const std::string& text) {
        write(folder() + "/budgets.yaml", text);
        return folder() + "/budgets.yaml";
    }
};

TEST_F(BudgetImport, ChangesNothingOfWhatWasExported) {
    const Outcome exported = asked({"budget", "export"});
    EXPECT_EQ(exported.status, 0) << exported.err;
    EXPECT_THAT(exported.out, HasSubstr("limit: 50usd\n    window: month\n"));
    const std::string path = file(exported.out);
    const Outcome imported = asked({"budget", "import", path.c_str()});
    EXPECT_EQ(imported.status, 0) << imported.err;
    EXPECT_THAT(imported.err, HasSubstr("Every budget is as the file says"));
    EXPECT_FALSE(recording_.budget_changed);
}

TEST_F(BudgetImport, WritesNoFileThatLacksBudgets) {
    recording_.budgets.unowned = 341;
    const Outcome exported = asked({"budget", "export"});
    EXPECT_EQ(exported.status, 4) << exported.out;
    EXPECT_EQ(exported.out, "");
    EXPECT_THAT(exported.err, HasSubstr("nobody in reach owns 341 of 1024 parts"));
}

TEST_F(BudgetImport, AsksForWhatDiffersAlone) {
    const std::string path = file("budgets:\n  - {name: team-a, limit: 60usd, window: month}\n");
    const Outcome dry = asked({"budget", "import", path.c_str(), "--dry-run"});
    EXPECT_EQ(dry.status, 0) << dry.err;
    EXPECT_THAT(dry.out, HasSubstr("set     team-a  limit  50usd   60usd"));
    EXPECT_THAT(dry.err, HasSubstr("Nothing was changed"));
    EXPECT_FALSE(recording_.budget_changed);

    EXPECT_EQ(asked({"budget", "import", path.c_str()}).status, 0);
    EXPECT_EQ(recording_.budget_changed->op, mesh::BudgetOp::kSet);
    EXPECT_EQ(recording_.budget_changed->limit, MicroUsd{60'000'000});
    EXPECT_EQ(recording_.budget_changed->window, "") << "a window said again may begin anew";
    EXPECT_EQ(recording_.budget_changed->enforce, std::nullopt);
}

TEST_F(BudgetImport, MakesWhatIsNotThereAndLeavesWhatTheFileDoesNotName) {
    const std::string path = file(
        "budgets:\n  - {name: new, limit: 5usd, window: day, tz: Asia/Tokyo, mode: observe}\n");
    const Outcome made = asked({"budget", "import", path.c_str()});
    EXPECT_EQ(made.status, 0) << made.err;
    EXPECT_EQ(recording_.budget_changed->op, mesh::BudgetOp::kCreate);
    EXPECT_EQ(recording_.budget_changed->budget.str(), "new");
    EXPECT_EQ(recording_.budget_changed->zone, "Asia/Tokyo");
    EXPECT_EQ(recording_.budget_changed->enforce, false);
    EXPECT_THAT(made.err, HasSubstr("1 budgets are not in the file"));
}

TEST_F(BudgetImport, SaysThatAnotherCalendarBeginsAnew) {
    const std::string path = file("budgets:\n  - {name: team-a, limit: 50usd, window: day}\n");
    const Outcome dry = asked({"budget", "import", path.c_str(), "--dry-run"});
    EXPECT_THAT(dry.err, HasSubstr("begins at once, with the whole limit"));
}

TEST_F(BudgetImport, NeedsEveryOwner) {
    recording_.budgets.silent = {NodeId("n9")};
    const std::string path = file("budgets: []\n");
    EXPECT_EQ(asked({"budget", "export"}).status, 4);
    EXPECT_EQ(asked({"budget", "import", path.c_str()}).status, 4);
    EXPECT_EQ(asked({"budget", "import", "/nowhere"}).status, 1);
}

}  // namespace
}  // namespace vidai::cli
