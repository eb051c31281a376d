// SPDX-License-Identifier: Apache-2.0
// `mesh revoke` and `node forget`: whom they mean, and an exit code that says when some node has
// not heard yet.
#include <gmock/gmock.h>

#include "cli/exit_code.h"
#include "tests/cli/recorded.h"

namespace vidai::cli {
namespace {

using testing::HasSubstr;

class Statements : public Shell {
  protected:
    Statements() {
        recording_.stated.subject = "n2";
        recording_.stated.fingerprint = "0123456789abcdef0123456789abcdef";
        recording_.heard.by = {NodeId("n1"), NodeId("n3")};
    }
};

TEST_F(Statements, NameTheirSubjectInOneOfThreeWays) {
    EXPECT_EQ(asked({"mesh", "revoke", "n2", "--reason", "stolen"}).code, kExitOk);
    EXPECT_EQ(recording_.revoked.node.str(), "n2");
    EXPECT_EQ(recording_.revoked.reason, "stolen");
    EXPECT_EQ(asked({"mesh", "revoke", "--key", "abcd"}).code, kExitOk);
    EXPECT_EQ(recording_.revoked.key, "abcd");
    EXPECT_EQ(asked({"mesh", "revoke", "--file", "operator.key"}).code, kExitOk);
    EXPECT_EQ(recording_.revoked.file, "operator.key");
    EXPECT_EQ(asked({"mesh", "revoke"}).code, kExitUsage);
    EXPECT_EQ(asked({"mesh", "revoke", "n2", "--key", "abcd"}).code, kExitUsage);
    EXPECT_EQ(asked({"mesh", "revoke", "n2", "n3"}).code, kExitUsage);
    EXPECT_EQ(asked({"node", "forget"}).code, kExitUsage);
}

TEST_F(Statements, SayWhoHasAcknowledged) {
    const Outcome outcome = asked({"mesh", "revoke", "n2", "--wait"});
    EXPECT_EQ(outcome.code, kExitOk);
    EXPECT_THAT(outcome.out, HasSubstr("by 2 of 2 nodes of the roster"));
    EXPECT_THAT(outcome.out, HasSubstr("n3"));
    EXPECT_THAT(asked({"mesh", "revoke", "n2", "--wait", "-o", "json"}).out,
                HasSubstr("\"acknowledged\": [\n    \"n1\",\n    \"n3\"\n  ]"));
}

TEST_F(Statements, FailWhenSomeNodeHasNotAcknowledged) {
    recording_.heard.missing = {NodeId("n4")};
    const Outcome outcome = asked({"node", "forget", "n2", "--force", "--wait"});
    EXPECT_EQ(outcome.code, kExitUnavailable);
    EXPECT_THAT(outcome.err, HasSubstr("acknowledged by 2 of 3 nodes"));
    EXPECT_THAT(outcome.err, HasSubstr("missing: n4"));
    EXPECT_TRUE(recording_.forced);
    EXPECT_EQ(asked({"mesh", "forget", "n2"}).code, kExitOk) << "without --wait nobody asks";
    EXPECT_FALSE(recording_.forced);
}

}  // namespace
}  // namespace vidai::cli
