// SPDX-License-Identifier: Apache-2.0
// `vidaictl limit`: what it asks a node for, and what it shows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/recorded.h"

namespace vidai::cli {
namespace {

using mesh::state::LimitMode;
using mesh::state::LimitRecord;
using mesh::state::LimitUnit;
using testing::HasSubstr;

LimitRecord recorded_limit() {
    LimitRecord limit;
    limit.id = "lim-AbCdEf012345";
    limit.name = "ml";
    limit.scope.equal[2] = "ml";
    limit.amount = 1'000;
    return limit;
}

class Limits : public Shell {};

TEST_F(Limits, AreAskedForAsTheFlagsSay) {
    const Outcome made = asked({"limit", "create", "ml", "--scope", "team=ml,model=gpt-4o",
                                "--each", "user,key", "--tokens", "2000000/1d", "--window", "fixed",
                                "--burst", "500", "--mode", "fair_share"});
    EXPECT_EQ(made.status, 0) << made.err;
    const LimitRecord& limit = recording_.limit;
    EXPECT_EQ(recording_.limit_op, mesh::LimitOp::kCreate);
    EXPECT_EQ(limit.name, "ml");
    EXPECT_EQ(to_text(limit.scope), "team=ml,model=gpt-4o,each key,each user");
    EXPECT_EQ(limit.unit, LimitUnit::kTokens);
    EXPECT_EQ(limit.amount, 2'000'000U);
    EXPECT_EQ(limit.span_s, 86'400U);
    EXPECT_TRUE(limit.fixed);
    EXPECT_EQ(limit.burst, 500U);
    EXPECT_EQ(limit.mode, LimitMode::kFairShare);
    EXPECT_THAT(made.out, HasSubstr("Amount:  2000000/1d fixed\n"));
}

TEST_F(Limits, ThatMakeNoSenseAreNotAskedFor) {
    const std::vector<const char*> wrong[] = {
        {"limit", "create", "ml"},
        {"limit", "create", "ml", "--requests", "10"},
        {"limit", "create", "ml", "--requests", "ten/1m"},
        {"limit", "create", "ml", "--requests", "10/2d"},
        {"limit", "create", "ml", "--requests", "10/1m", "--tokens", "10/1m"},
        {"limit", "create", "ml", "--requests", "10/1m", "--scope", "team"},
        {"limit", "create", "ml", "--requests", "10/1m", "--scope", "team=a,team=b"},
        {"limit", "create", "ml", "--requests", "10/1m", "--scope", "colour=red"},
        {"limit", "create", "ml", "--requests", "10/1m", "--each", "colour"},
        {"limit", "create", "ml", "--requests", "10/1m", "--mode", "strict"},
        {"limit", "create", "ml", "--requests", "10/1m", "--window", "open"},
    };
    for (const auto& words : wrong) {
        const Outcome outcome = asked(words);
        EXPECT_EQ(outcome.status, 2) << outcome.err;
        EXPECT_FALSE(recording_.limit_op) << outcome.out;
    }
}

TEST_F(Limits, KeepWhatIsNotSetAnew) {
    recording_.limit_standing.limit = recorded_limit();
    recording_.limit_standing.limit.burst = 9;
    EXPECT_EQ(asked({"limit", "set", "ml", "--requests", "5/1s"}).status, 0);
    EXPECT_EQ(recording_.limit_op, mesh::LimitOp::kSet);
    EXPECT_EQ(recording_.limit.id, "lim-AbCdEf012345");
    EXPECT_EQ(recording_.limit.amount, 5U);
    EXPECT_EQ(recording_.limit.span_s, 1U);
    EXPECT_EQ(recording_.limit.burst, 9U);
    EXPECT_EQ(asked({"limit", "set", "ml", "--tokens", "5/1s"}).status, 2);
}

TEST_F(Limits, AreListed) {
    EXPECT_THAT(asked({"limit", "list"}).err, HasSubstr("No limits yet"));
    recording_.limits = {recorded_limit()};
    EXPECT_EQ(asked({"limit", "list"}).out,
              "NAME  SCOPE    COUNTS     AMOUNT  MODE\n"
              "ml    team=ml  requests  1000/1m  optimistic\n");
    EXPECT_THAT(asked({"limit", "list", "-o", "json"}).out,
                HasSubstr("\"scope\": [\n        \"team=ml\"\n      ]"));
}

TEST_F(Limits, AreShownWithWhatIsUsedOfEachCounter) {
    mesh::LimitStanding& standing = recording_.limit_standing;
    standing.limit = recorded_limit();
    standing.allowed = 666;
    standing.seen = 2;
    standing.confirmed = 3;
    mesh::LimitUse use;
    use.limit = 1'000;
    use.own = 10;
    use.known = 30;
    use.bound = 20;
    standing.counters = {{"user=eve", use}};
    const Outcome shown = asked({"limit", "show", "ml"});
    EXPECT_THAT(shown.out, HasSubstr("Allowed:  666 (2 of 3 nodes seen)"));
    EXPECT_THAT(shown.out, HasSubstr("user=eve  1000    40    10         30    +20"));
}

TEST_F(Limits, AreDeletedByName) {
    EXPECT_EQ(asked({"limit", "delete", "ml"}).status, 0);
    EXPECT_EQ(recording_.limit_op, mesh::LimitOp::kDelete);
    EXPECT_EQ(recording_.limit.name, "ml");
}

}  // namespace
}  // namespace vidai::cli
