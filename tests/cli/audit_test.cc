// SPDX-License-Identifier: Apache-2.0
// The audit's judgement as a table: a mesh of three whose money is conserved, one thing made wrong,
// what is found.
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/audit/judge.h"
#include "tests/cli/recorded.h"

namespace vidai::cli::audit {
namespace {

using mesh::MoneyBooks;
using testing::HasSubstr;

const BudgetId kTeam("team-a");

std::string ledger(char of) {
    return std::string(64, of);
}

// "a" owns team-a, of 100, and has lent 30 to itself and 40 to "b"; "b" and "c" keep its log.
MoneyBooks books_of(const std::string& name) {
    MoneyBooks books;
    books.node = NodeId(name);
    books.ledger = ledger(name[0]);
    books.start = 2;
    books.owns.assign(1024, false);
    books.budgets = {kTeam};
    const mesh::LogName log{ledger('a'), 3};
    if (name == "a") {
        books.owns[7] = true;
        books.own.push_back({log,
                             9,
                             {{4, "four"}, {9, "nine"}},
                             {ledger('b'), ledger('c')},
                             {NodeId("b"), NodeId("c")},
                             1});
        MoneyBooks::Owned owned{kTeam, 5, {100}, {90}, {10}, {}, {80}, {70}};
        owned.lent = {{ledger('a'), 2, NodeId("a"), {30}, {25}, {}},
                      {ledger('b'), 2, NodeId("b"), {40}, {20}, {5}}};
        books.owned = {owned};
    } else {
        books.kept_logs = {{log, {9, "nine"}}};
        books.kept = {{log, kTeam, 5, {90}, {10}}};
    }
    if (name == "a") books.held = {{kTeam, 5, log, 2, {30}, {25}, {1}, {}, {4}}};
    if (name == "b") books.held = {{kTeam, 5, log, 2, {40}, {21}, {}, {5}, {14}}};
    return books;
}

Books sound() {
    Books books;
    for (const char* name : {"a", "b", "c"}) {
        NodeBooks node;
        node.id = NodeId(name);
        node.before = node.after = books_of(name);
        books.nodes.push_back(std::move(node));
    }
    return books;
}

void silence(Books& books, std::size_t node, mesh::MemberStatus status) {
    books.nodes[node].unreachable = {ErrorCode::kUnavailable, "connection refused", ""};
    books.nodes[node].status = status;
    books.nodes[node].in_status = std::chrono::seconds(12);
}

TEST(Audit, FindsMoneyThatIsConservedToBe) {
    const auto verdicts = judge(sound());
    ASSERT_EQ(verdicts.size(), 1U);
    const Verdict& team = verdicts[0];
    EXPECT_EQ(team.state, State::kOk) << (team.findings.empty() ? "" : team.findings[0].what);
    EXPECT_EQ(team.owner.str(), "a");
    EXPECT_EQ(team.pool, MicroUsd{10});
    EXPECT_EQ(team.granted, MicroUsd{70});
    EXPECT_EQ(team.spent, MicroUsd{46});
    EXPECT_EQ(team.reserved, MicroUsd{1});
    EXPECT_EQ(team.free, MicroUsd{18});
}

struct Case {
    const char* name;
    std::function<void(Books&)> wrong;
    State state;
    const char* what;
};
class AuditFinds : public testing::TestWithParam<Case> {};

TEST_P(AuditFinds, What) {
    Books books = sound();
    GetParam().wrong(books);
    State worst = State::kOk;
    std::string all;
    for (const Verdict& verdict : judge(books)) {
        worst = std::max(worst, verdict.state);
        for (const Finding& finding : verdict.findings) all += finding.what + "\n";
    }
    EXPECT_EQ(worst, GetParam().state) << all;
    EXPECT_THAT(all, HasSubstr(GetParam().what));
}

const Case kCases[] = {
    {"MoreGrantedThanActivated", [](Books& b) { b.nodes[0].after.owned[0].granted_here = {81}; },
     State::kBroken, "granted 0.000081usd of it, and activated 0.00008usd"},
    {"AHolderWithMoreThanItWasGranted", [](Books& b) { b.nodes[1].before.held[0].granted = {41}; },
     State::kBroken, "b has been granted 0.000041usd of it, and a knows of 0.00004usd"},
    {"AnAccountThatTheOwnerDoesNotKnow",
     [](Books& b) { b.nodes[2].before.held = b.nodes[1].before.held; }, State::kBroken,
     "c has been granted"},
    {"HoldersWithMoreThanTheLogHas",
     [](Books& b) {  // of a process before, whose owner cannot tell of it any more
         b.nodes[2].before.held = {{kTeam, 5, {ledger('a'), 2}, 1, {11}, {11}, {}, {}, {}}};
     },
     State::kBroken, "granted 0.000081usd, and its log has 0.00008usd"},
    {"UncommittedMoneyThatWasGranted",
     [](Books& b) { b.nodes[0].after.owned[0].uncommitted = {11}; }, State::kBroken,
     "its log has 0.000069usd"},
    {"AnAccountThatDoesNotAddUp", [](Books& b) { b.nodes[1].after.held[0].spent = {22}; },
     State::kBroken, "an account of b was granted 0.00004usd, and 0.000041usd is spent"},
    {"MoreReturnedThanActivated", [](Books& b) { b.nodes[0].after.owned[0].returned = {91}; },
     State::kBroken, "more of it was returned"},
    {"TwoOwnersOfABucket", [](Books& b) { b.nodes[2].after.owns[7] = true; }, State::kBroken,
     "a and c can both lend of 1 of 1024 parts"},
    {"TwoOwnersOfABudget",
     [](Books& b) { b.nodes[2].after.owned = {{kTeam, 5, {100}, {}, {}, {}, {}, {}}}; },
     State::kBroken, "a and c both own it"},
    {"ACopyThatSaysOtherwise", [](Books& b) { b.nodes[1].before.kept_logs[0].end.hash = "other"; },
     State::kBroken, "the copy of b says otherwise than the log of a, at entry 9"},
    {"ACopyThatIsNoBeginning", [](Books& b) { b.nodes[1].before.kept_logs[0].end.entries = 10; },
     State::kBroken, "the copy of b is no beginning of the log of a"},
    {"ACopyWithMoreMoney", [](Books& b) { b.nodes[1].before.kept[0].activated = {91}; },
     State::kBroken, "the copy of b has more of it"},
    {"ACopyThatIsTooOldToCompare",
     [](Books& b) { b.nodes[1].before.kept_logs[0].end = {2, "two"}; }, State::kInDoubt,
     "too far behind"},
    {"ACommitThatNobodyHas",
     [](Books& b) {
         for (std::size_t i : {1U, 2U}) b.nodes[i].after.kept_logs[0].end = {4, "four"};
     },
     State::kBroken, "takes 9 entries for committed, and only 0 of 1 custodians have them"},
    {"ACustodianThatIsNotHeard", [](Books& b) { silence(b, 2, mesh::MemberStatus::kDead); },
     State::kInDoubt, "c was not heard (dead for 12 s: connection refused): it keeps a copy"},
    {"AHolderThatIsNotHeard", [](Books& b) { silence(b, 1, mesh::MemberStatus::kSuspect); },
     State::kInDoubt, "it may have spent 0.000015usd of it"},
    {"AnOwnerThatIsNotHeard", [](Books& b) { silence(b, 0, mesh::MemberStatus::kDead); },
     State::kInDoubt, "no node that answers owns it"},
    {"AFrozenNode", [](Books& b) { b.nodes[2].after.frozen = "its disk is full"; }, State::kInDoubt,
     "c is frozen: its disk is full"},
    // To be known, and nothing is wrong.
    {"ALoweredLimit", [](Books& b) { b.nodes[0].after.owned[0].limit = {50}; }, State::kOk,
     "0.00008usd of it is in use, above its limit"},
    {"MoneyThatIsStranded", [](Books& b) { b.nodes[0].after.owned[0].lent[1].lost = true; },
     State::kOk, "0.000015usd is stranded with an earlier process of b"},
    {"ADebt",
     [](Books& b) {
         b.nodes[1].after.held[0].spent = {45};
         b.nodes[1].after.held[0].free = {-10};
     },
     State::kOk, "b has spent 0.00001usd more of it than it was granted"},
    {"MoneyThatMovedMeanwhile",
     [](Books& b) {  // the holder was heard before the owner granted it more
         b.nodes[0].after.owned[0].lent[1].granted = {45};
         b.nodes[0].after.owned[0].granted_here = {75};
         b.nodes[1].after.held[0].granted = {50};  // and later still more
         b.nodes[1].after.held[0].free = {24};
     },
     State::kOk, ""},
};
INSTANTIATE_TEST_SUITE_P(Cases, AuditFinds, testing::ValuesIn(kCases),
                         [](const auto& one) { return one.param.name; });

class BudgetAudit : public Shell {
  protected:
    BudgetAudit() {
        for (const char* name : {"a", "b", "c"}) {
            recording_.members.push_back(recorded_member(name, mesh::MemberStatus::kAlive));
            recording_.members.back().address = std::string(name) + ":7420";
            recording_.books[std::string(name) + ":7420"] = books_of(name);
        }
    }
    Outcome audit(std::vector<const char*> arguments) {
        arguments.insert(arguments.begin(), {"--server", "a:7420", "--identity", "i", "--root", "r",
                                             "budget", "audit"});
        return vidaictl(std::move(arguments));
    }
};

TEST_F(BudgetAudit, EndsWithZeroWhereAllIsWell) {
    const Outcome all = audit({});
    EXPECT_EQ(all.status, 0) << all.err;
    EXPECT_THAT(all.out, HasSubstr("ok     team-a  a"));
    EXPECT_THAT(audit({"team-a", "-o", "json"}).out, HasSubstr("\"worst\": \"ok\""));
    EXPECT_EQ(audit({"team a"}).status, 2);
}

TEST_F(BudgetAudit, CannotAskOthersByALocalSocket) {
    recording_.members[0].self = true;
    recording_.books["unix:/run/vidai"] = books_of("a");
    const Outcome alone = asked({"budget", "audit"});
    EXPECT_EQ(alone.status, 6);
    EXPECT_THAT(alone.err, HasSubstr("only the node of this socket can be asked by it"));
}

TEST_F(BudgetAudit, EndsWithFindingsWhereItIsBrokenOrInDoubt) {
    recording_.silent = {"c:7420"};
    const Outcome doubt = audit({});
    EXPECT_EQ(doubt.status, 6);
    EXPECT_THAT(doubt.out, HasSubstr("in doubt"));
    EXPECT_THAT(doubt.err, HasSubstr("team-a: c was not heard"));
    recording_.silent.clear();
    recording_.books["b:7420"].held[0].granted = {41};
    const Outcome broken = audit({});
    EXPECT_EQ(broken.status, 6);
    EXPECT_THAT(broken.out, HasSubstr("broken"));
    EXPECT_EQ(recording_.pauses.size(), 2U) << "it asked again before it said so";
}

}  // namespace
}  // namespace vidai::cli::audit
