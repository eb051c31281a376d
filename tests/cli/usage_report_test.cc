// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <string>
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

class UsageReport : public Shell {
  protected:
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
        recording_.usage.node = recording_.members.front().id;
        recording_.usage.origin = std::string(64, 'a');
        recording_.usage.through = 4;
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
                                   "CHARGED,UNPRICED\n"));
    EXPECT_THAT(csv.out, HasSubstr("blue,3,120,20,30,0,1.5usd,0usd,2usd,1\n"));
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
    EXPECT_THAT(alone.err, HasSubstr("Calls that n2 made are not in it"));
    EXPECT_THAT(alone.out, HasSubstr("4usd"));
    recording_.members.pop_back();
    recording_.usage.unreadable = {"a file is damaged"};
    recording_.usage.lost = 7;
    const Outcome shown = asked({"usage", "report"});
    EXPECT_THAT(shown.err, HasSubstr("a file is damaged"));
    EXPECT_THAT(shown.err, HasSubstr("could not record 7 calls"));
    recording_.usage = {};
    EXPECT_THAT(asked({"usage", "report"}).err, HasSubstr("No calls were recorded"));
}

}  // namespace
}  // namespace vidai::cli
