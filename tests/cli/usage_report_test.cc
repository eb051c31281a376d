// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/recorded.h"

namespace vidai::cli {
namespace {

using mesh::usage::Field;
using mesh::usage::Sums;
using testing::HasSubstr;
using testing::Not;

using mesh::usage::Part;
using mesh::usage::Span;

const std::string kRed(64, 'a');
const std::string kBlue(64, 'b');

class UsageReport : public Shell {
  protected:
    static mesh::UsageHoldings holdings(const std::string& node, char origin, std::uint64_t last) {
        mesh::UsageHoldings has;
        has.node = NodeId(node);
        has.origin = std::string(64, origin);
        add(has, has.origin, node, {1, last});
        return has;
    }
    static void add(mesh::UsageHoldings& has, const std::string& origin, const std::string& node,
                    const Span& span) {
        has.holdings.push_back({origin, NodeId(node), {}});
        has.holdings.back().held.insert(span);
    }
    // Two nodes, n1 and n2, each with copies of the other's; what of n2's n1 has is 1 to 7 of 9.
    void two_nodes() {
        recording_.members.clear();
        for (const char* name : {"n1", "n2"}) {
            recording_.members.push_back(recorded_member(name, mesh::MemberStatus::kAlive));
            recording_.members.back().address = std::string(name) + ":7420";
        }
        recording_.members.front().self = true;
        mesh::UsageHoldings first = holdings("n1", 'a', 4);
        add(first, kBlue, "n2", {1, 7});
        mesh::UsageHoldings second = holdings("n2", 'b', 9);
        add(second, kRed, "n1", {1, 4});
        recording_.usage_holdings_at = {{"n1:7420", first}, {"n2:7420", second}};
    }
    Outcome remote(std::vector<const char*> words) {
        words.insert(words.begin(), {"--server", "n1:7420", "--identity", "me", "--root", "mesh"});
        return vidaictl(std::move(words));
    }
    using Asked = std::vector<std::pair<std::string, Part>>;
    Asked parts() {
        std::ranges::sort(recording_.usage_parts, {}, [](const auto& one) {
            return std::tuple(one.first, one.second.origin, one.second.span.from);
        });
        return std::exchange(recording_.usage_parts, {});
    }

    UsageReport() {
        recording_.members.resize(1);
        recording_.members.front().self = true;
        Sums blue;
        blue.events = 3;
        blue.unpriced = 1;
        blue.tokens.input = {100};
        blue.tokens.cached_input = {20};
        blue.tokens.output = {30};
        blue.cost = {1'500'000};
        blue.charged = {2'000'000};
        Sums red;
        red.events = 1;
        red.cost = {2'500'000};
        recording_.usage_holdings = holdings(recording_.members.front().id.str(), 'a', 4);
        recording_.usage.sheet.add({"blue"}, blue);
        recording_.usage.sheet.add({"red"}, red);
    }
};

TEST_F(UsageReport, HasARowForEachTheDearestFirst) {
    const Outcome shown = asked({"usage", "report", "--by", "team"});
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_EQ(shown.out,
              "TEAM     CALLS  INPUT  OUTPUT    COST\n"
              "red          1      0       0  2.5usd\n"
              "blue         3    120      30  1.5usd\n"
              "(total)      4    120      30    4usd\n");
    ASSERT_TRUE(recording_.usage_asked);
    EXPECT_EQ(recording_.usage_asked->by, std::vector{Field::kTeam});
    EXPECT_EQ(recording_.usage_asked->since, WallTime::min());
}

TEST_F(UsageReport, IsForProgramsToo) {
    const Outcome csv = asked({"usage", "report", "--by", "team", "-o", "csv"});
    EXPECT_THAT(csv.out, HasSubstr("TEAM,CALLS,INPUT,CACHED,OUTPUT,REASONING,COST,ESTIMATED,"
                                   "CHARGED,UNPRICED,CORRECTED\n"));
    EXPECT_THAT(csv.out, HasSubstr("blue,3,120,20,30,0,1.5usd,0usd,2usd,1,0usd\n"));
    const Outcome json = asked({"usage", "report", "--by", "team", "-o", "json"});
    EXPECT_THAT(json.out, HasSubstr("\"team\": \"blue\""));
    EXPECT_THAT(json.out, HasSubstr("\"cost_micro_usd\": 4000000"));
    EXPECT_THAT(json.out, HasSubstr("\"through\": 4"));
}

TEST_F(UsageReport, TakesTimesAgoAndDates) {
    asked({"usage", "report", "--since", "24h", "--until", "1h"});
    ASSERT_TRUE(recording_.usage_asked);
    EXPECT_EQ(recording_.usage_asked->until - recording_.usage_asked->since,
              std::chrono::hours(23));
    asked({"usage", "report", "--since", "2026-11-01", "--until", "2026-11-01T08:30:00Z"});
    EXPECT_EQ(recording_.usage_asked->until - recording_.usage_asked->since,
              std::chrono::minutes(510));
}

TEST_F(UsageReport, ThatMakesNoSenseIsNotAskedFor) {
    const std::vector<const char*> wrong[] = {
        {"usage", "report", "--by", "teams"},
        {"usage", "report", "--by", "team,team"},
        {"usage", "report", "--since", "yesterday"},
        {"usage", "report", "--since", "1h", "--until", "2h"},
        {"usage", "report", "team"},
    };
    for (const auto& words : wrong) {
        const Outcome outcome = asked(words);
        EXPECT_EQ(outcome.status, 2) << outcome.err;
        EXPECT_FALSE(recording_.usage_asked);
    }
}

TEST_F(UsageReport, CountsAVolumeOnceWhoeverAnswersForIt) {
    recording_.members.push_back(recording_.members.front());
    recording_.members.back().id = NodeId("n2");
    recording_.members.back().self = false;
    const Outcome shown = vidaictl({"--server", "127.0.0.1:7420", "--identity", "me", "--root",
                                    "mesh", "usage", "report", "--by", "team"});
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_THAT(shown.out, HasSubstr("4usd"));
    EXPECT_THAT(shown.out, Not(HasSubstr("8usd")));
}

TEST_F(UsageReport, SaysWhatIsNotInIt) {
    recording_.members.push_back(recording_.members.front());
    recording_.members.back().id = NodeId("n2");
    recording_.members.back().self = false;
    const Outcome alone = asked({"usage", "report", "--by", "team"});
    EXPECT_EQ(alone.status, 4) << "a local socket is one node's";
    recording_.members.back().status = mesh::MemberStatus::kLeft;
    EXPECT_EQ(asked({"usage", "report"}).status, 4) << "what it called is on its volume";
    EXPECT_THAT(alone.err, HasSubstr("Calls that n2 made are not in it"));
    EXPECT_THAT(alone.out, HasSubstr("4usd"));
    recording_.members.pop_back();
    recording_.usage.unreadable = {"a file is damaged"};
    recording_.usage_holdings.lost = 7;
    const Outcome shown = asked({"usage", "report"});
    EXPECT_EQ(shown.status, 4);
    EXPECT_THAT(shown.err, HasSubstr("a file is damaged"));
    EXPECT_THAT(shown.err, HasSubstr("could not record 7 calls"));
    recording_.usage = {};
    EXPECT_THAT(asked({"usage", "report"}).err, HasSubstr("No calls were recorded"));
}

TEST_F(UsageReport, AsksForEachCallOnceAndItsOwnNodeFirst) {
    two_nodes();
    const Outcome shown = remote({"usage", "report", "-o", "json"});
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_EQ(parts(), (Asked{{"n1:7420", {kRed, {1, 4}}}, {"n2:7420", {kBlue, {1, 9}}}}));
}

TEST_F(UsageReport, AsksOthersForWhatASilentNodeMade) {
    two_nodes();
    recording_.silent = {"n2:7420"};
    const Outcome shown = remote({"usage", "report"});
    EXPECT_EQ(shown.status, 4) << "its last calls may be nowhere else";
    EXPECT_EQ(parts(), (Asked{{"n1:7420", {kRed, {1, 4}}}, {"n1:7420", {kBlue, {1, 7}}}}));
    EXPECT_THAT(shown.err,
                HasSubstr("n2 made are not in it but for those that others have copies"));
    recording_.members.pop_back();  // it was forgotten
    EXPECT_EQ(remote({"usage", "report"}).status, 0);
    EXPECT_EQ(parts().size(), 2U) << "what others have of it is in it for good";
}

TEST_F(UsageReport, AsksOthersForWhatANodeFailsToSum) {
    two_nodes();
    recording_.usage_fails = {"n2:7420"};
    const Outcome shown = remote({"usage", "report"});
    EXPECT_EQ(shown.status, 4);
    EXPECT_THAT(shown.err, HasSubstr("gone"));
    EXPECT_EQ(parts(), (Asked{{"n1:7420", {kRed, {1, 4}}}, {"n1:7420", {kBlue, {1, 7}}}}));
}

TEST_F(UsageReport, TakesFromCopiesWhatTheNodeItselfHasNot) {
    two_nodes();
    recording_.usage_holdings_at["n2:7420"].holdings.front().held.erase({1, 5});
    EXPECT_EQ(remote({"usage", "report"}).status, 0);
    EXPECT_EQ(parts(), (Asked{{"n1:7420", {kRed, {1, 4}}},
                              {"n1:7420", {kBlue, {1, 5}}},
                              {"n2:7420", {kBlue, {6, 9}}}}));
}

mesh::usage::Event some_call(std::uint64_t number) {
    mesh::usage::Event event;
    event.number = number;
    event.time = recorded_now();
    event.request = "req-1";
    event.caller.team = "blue";
    event.callee = {"demo", "mock", "m-2026", "chat_completions"};
    event.tokens.input = {100};
    event.tokens.output = {30};
    event.priced = true;
    event.cost = {160};
    event.charged = {200};
    return event;
}

TEST_F(UsageReport, IsExportedCallByCallPageByPage) {
    mesh::UsagePage page;
    page.node = NodeId("n1");
    page.events = {some_call(1), some_call(2)};
    page.events[1].priced = false;
    page.next = 3;
    recording_.usage_pages = {page};
    page.events = {some_call(3)};
    page.next = 0;
    recording_.usage_pages.push_back(page);
    const Outcome done = asked({"usage", "export", "--since", "1h"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.out, "") << "it was written already";
    ASSERT_EQ(recording_.searched.size(), 2U);
    EXPECT_EQ(recording_.searched[0].from, 1U);
    EXPECT_EQ(recording_.searched[1].from, 3U);
    EXPECT_EQ(recording_.searched[1].origin, kRed);
    EXPECT_EQ(recording_.searched[1].through, 4U);
    ASSERT_EQ(recording_.written.size(), 2U);
    const std::string& lines = recording_.written[0];
    EXPECT_EQ(std::ranges::count(lines, '\n'), 2);
    EXPECT_THAT(lines, HasSubstr("\"number\":1,\"request\":\"req-1\""));
    EXPECT_THAT(lines, HasSubstr("\"outcome\":\"answered\""));
    EXPECT_THAT(lines, HasSubstr("\"cost_micro_usd\":160"));
    EXPECT_THAT(lines, HasSubstr("\"cost_micro_usd\":null"));
}

TEST_F(UsageReport, ExportsWhatASilentNodeMadeFromCopies) {
    two_nodes();
    recording_.silent = {"n2:7420"};
    mesh::UsagePage page;
    page.node = NodeId("n1");
    page.events = {some_call(1)};
    recording_.usage_pages = {page, page};
    const Outcome done = remote({"usage", "export"});
    EXPECT_EQ(done.status, 4);
    ASSERT_EQ(recording_.written.size(), 2U);
    EXPECT_THAT(recording_.written[0] + recording_.written[1], HasSubstr("\"node\":\"n2\""));
}

TEST_F(UsageReport, EndsWhereNobodyReadsWhatIsExported) {
    mesh::UsagePage page;
    page.events = {some_call(1)};
    page.next = 2;
    recording_.usage_pages = {page, page};
    recording_.writes_max = 1;
    asked({"usage", "export"});
    EXPECT_EQ(recording_.searched.size(), 1U);
}

TEST_F(UsageReport, ExplainsARequestByItsCalls) {
    mesh::UsagePage page;
    page.node = NodeId("n1");
    page.events = {some_call(7), some_call(8)};
    page.events[0].outcome = mesh::usage::Outcome::kUnknown;
    page.events[0].estimated = true;
    recording_.usage_pages = {page};
    const Outcome shown = asked({"budget", "explain", "req-1"});
    EXPECT_EQ(shown.status, 0) << shown.err;
    EXPECT_EQ(recording_.searched.at(0).request, "req-1");
    EXPECT_THAT(shown.out, HasSubstr("Charged to each of its budgets:  0.0004usd\n"));
    EXPECT_THAT(shown.out, HasSubstr("unknown     100      30  estimated"));
    EXPECT_THAT(shown.out, HasSubstr("answered    100      30  by the provider"));
    const Outcome none = asked({"budget", "explain", "req-2"});
    EXPECT_EQ(none.status, 3);
    EXPECT_THAT(none.err, HasSubstr("no call of a provider is known of a request 'req-2'"));
    recording_.members.push_back(recording_.members.front());
    recording_.members.back().id = NodeId("n2");
    recording_.members.back().self = false;
    const Outcome perhaps = asked({"budget", "explain", "req-2"});
    EXPECT_EQ(perhaps.status, 4) << "n2 may know of it";
    EXPECT_THAT(perhaps.err, HasSubstr("Calls that n2 made"));
}

}  // namespace
}  // namespace vidai::cli
