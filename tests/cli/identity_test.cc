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
    EXPECT_EQ(asked({"mesh", "revoke", "n2", "--reason", "stolen"}).status, kExitOk);
    EXPECT_EQ(recording_.revoked.node.str(), "n2");
    EXPECT_EQ(recording_.revoked.reason, "stolen");
    EXPECT_EQ(asked({"mesh", "revoke", "--key", "abcd"}).status, kExitOk);
    EXPECT_EQ(recording_.revoked.key, "abcd");
    EXPECT_EQ(asked({"mesh", "revoke", "--file", "operator.key"}).status, kExitOk);
    EXPECT_EQ(recording_.revoked.file, "operator.key");
    EXPECT_FALSE(recording_.revoked.force);
    EXPECT_EQ(asked({"mesh", "revoke", "--file", "issuer.key", "--force"}).status, kExitOk);
    EXPECT_TRUE(recording_.revoked.force);
    EXPECT_EQ(asked({"mesh", "revoke"}).status, kExitUsage);
    EXPECT_EQ(asked({"mesh", "revoke", "n2", "--key", "abcd"}).status, kExitUsage);
    EXPECT_EQ(asked({"mesh", "revoke", "n2", "n3"}).status, kExitUsage);
    EXPECT_EQ(asked({"node", "forget"}).status, kExitUsage);
}

TEST_F(Statements, ShowWholeWhatIsSignedAndCanDoSoBefore) {
    recording_.stated.key = std::string(64, 'c');
    recording_.stated.serial = 77;
    recording_.stated.generation = {5};
    EXPECT_THAT(asked({"mesh", "revoke", "n2"}).out, HasSubstr(std::string(64, 'c')));
    EXPECT_FALSE(recording_.revoked.dry_run);
    const Outcome revoking = asked({"mesh", "revoke", "n2", "--dry-run", "--wait"});
    EXPECT_EQ(revoking.status, kExitOk) << revoking.err;
    EXPECT_TRUE(recording_.revoked.dry_run);
    EXPECT_THAT(revoking.out, HasSubstr("To be revoked"));
    EXPECT_THAT(revoking.err, HasSubstr("Nothing was signed"));
    const Outcome forgetting = asked({"node", "forget", "n2", "--dry-run"});
    EXPECT_TRUE(recording_.forgotten.dry_run);
    EXPECT_EQ(recording_.forgotten.node.str(), "n2");
    EXPECT_THAT(forgetting.out, HasSubstr("Up to generation:  5"));
    EXPECT_THAT(forgetting.out, HasSubstr("77"));
}

mesh::OperatorStatement revocation() {
    mesh::OperatorStatement said;
    said.subject = "n2";
    said.key = std::string(64, 'c');
    said.fingerprint = std::string(32, 'd');
    said.reason = "stolen";
    said.by = NodeId("admin");
    said.at = recorded_now();
    said.until = recorded_now() + std::chrono::days(400);
    said.proven = true;
    return said;
}

TEST_F(Statements, TwiceAreFine) {
    recording_.stated.before = revocation();
    const Outcome again = asked({"mesh", "revoke", "n2"});
    EXPECT_EQ(again.status, kExitOk);
    EXPECT_THAT(again.err, HasSubstr("n2 is revoked already, by admin at 2026-11-22T07:16:06"));
    EXPECT_THAT(asked({"mesh", "revoke", "n2", "--wait"}).out, HasSubstr("by 2 of 2 nodes"));
    EXPECT_THAT(asked({"mesh", "revoke", "n2", "-o", "json"}).out, HasSubstr("\"already\": true"));
}

TEST_F(Statements, AreListed) {
    mesh::OperatorStatement forgotten;
    forgotten.revoked = false;
    forgotten.subject = "n3";
    forgotten.by = NodeId("mallory");
    forgotten.generation = {7};
    forgotten.serial = 99;
    forgotten.proven = false;
    recording_.statements = {revocation(), forgotten};
    const Outcome table = asked({"mesh", "revocations"});
    EXPECT_EQ(table.status, kExitOk) << table.err;
    EXPECT_THAT(table.out, HasSubstr(std::string(32, 'd')));
    EXPECT_THAT(table.out, HasSubstr("2026-11-22T07:16:06.123Z  2027-12-27T07:16:06.123Z"));
    EXPECT_THAT(table.out, HasSubstr("stolen"));
    EXPECT_THAT(table.out, HasSubstr("mallory (not proven)"));
    EXPECT_THAT(table.out, testing::Not(HasSubstr(std::string(64, 'c'))));
    EXPECT_THAT(asked({"mesh", "revocations", "-o", "wide"}).out,
                testing::AllOf(HasSubstr(std::string(64, 'c')), HasSubstr("99")));
    EXPECT_THAT(asked({"mesh", "revocations", "-o", "json"}).out,
                testing::AllOf(HasSubstr("\"what\": \"forgotten\""), HasSubstr("\"proven\": false"),
                               HasSubstr("\"reason\": \"stolen\"")));
}

// It can certify itself anew once its own key is void.
TEST_F(Statements, WarnOfANodeThatHoldsAnIssuerKey) {
    mesh::Member member = recorded_member("n2", mesh::MemberStatus::kAlive);
    member.self = true;
    recording_.members = {member};
    recording_.node_report.issuer = true;
    EXPECT_THAT(asked({"mesh", "revoke", "n2"}).err, HasSubstr("n2 holds an issuer key"));
    EXPECT_THAT(asked({"mesh", "revoke", "n2"}).err, HasSubstr("mesh rotate issuer"));
    recording_.node_report.issuer = false;
    EXPECT_THAT(asked({"mesh", "revoke", "n2"}).err, testing::Not(HasSubstr("issuer")));
    recording_.members[0].self = false;
    recording_.members[0].status = mesh::MemberStatus::kDead;
    EXPECT_THAT(asked({"mesh", "revoke", "n2"}).err, HasSubstr("could not be asked"));
}

TEST_F(Statements, SayWhoHasAcknowledged) {
    const Outcome outcome = asked({"mesh", "revoke", "n2", "--wait"});
    EXPECT_EQ(outcome.status, kExitOk);
    EXPECT_THAT(outcome.out, HasSubstr("by 2 of 2 nodes of the roster"));
    EXPECT_THAT(outcome.out, HasSubstr("n3"));
    EXPECT_THAT(asked({"mesh", "revoke", "n2", "--wait", "-o", "json"}).out,
                HasSubstr("\"acknowledged\": [\n    \"n1\",\n    \"n3\"\n  ]"));
}

TEST_F(Statements, FailWhenSomeNodeHasNotAcknowledged) {
    recording_.heard.missing = {NodeId("n4")};
    const Outcome outcome = asked({"node", "forget", "n2", "--force", "--wait"});
    EXPECT_EQ(outcome.status, kExitUnavailable);
    EXPECT_THAT(outcome.err, HasSubstr("acknowledged by 2 of 3 nodes"));
    EXPECT_THAT(outcome.err, HasSubstr("missing: n4"));
    EXPECT_TRUE(recording_.forgotten.force);
    EXPECT_EQ(asked({"mesh", "forget", "n2"}).status, kExitOk) << "without --wait nobody asks";
    EXPECT_FALSE(recording_.forgotten.force);
}

TEST_F(Statements, PutATokenIntoAFileThatOthersCannotRead) {
    const std::string path = folder() + "/n2.token";
    const Outcome done = asked({"mesh", "token", "create", "--node", "n2", "--out", path.c_str()});
    EXPECT_EQ(done.status, kExitOk) << done.err;
    EXPECT_EQ(read(path), "vidai-join-abc\n");
    EXPECT_THAT(done.out, testing::Not(HasSubstr("vidai-join-abc")));
    EXPECT_THAT(done.out, HasSubstr(path));
    using std::filesystem::perms;
    EXPECT_EQ(std::filesystem::status(path).permissions(), perms::owner_read | perms::owner_write);
    const Outcome again = asked({"mesh", "token", "create", "--node", "n3", "--out", path.c_str()});
    EXPECT_EQ(again.status, kExitError);
    EXPECT_THAT(again.err, HasSubstr("exists and is not overwritten"));
    EXPECT_EQ(recording_.token.node_pattern, "n2") << "no token is made that has no place";
    recording_.failure = Error{ErrorCode::kUnavailable, "it broke off", ""};
    const std::string other = folder() + "/n4.token";
    EXPECT_NE(asked({"mesh", "token", "create", "--node", "n4", "--out", other.c_str()}).status,
              kExitOk);
    EXPECT_FALSE(std::filesystem::exists(other)) << "an empty file would look like a token";
}

TEST_F(Statements, MakeATokenForAPatternAndATime) {
    const Outcome outcome =
        asked({"mesh", "token", "create", "--node", "web-*", "--ttl", "15m", "--seed", "a:1,b:2"});
    EXPECT_EQ(outcome.status, kExitOk) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("vidai-join-abc"));
    EXPECT_EQ(recording_.token.node_pattern, "web-*");
    EXPECT_EQ(recording_.token.ttl, std::chrono::minutes(15));
    EXPECT_EQ(recording_.token.seeds, (std::vector<std::string>{"a:1", "b:2"}));
    EXPECT_EQ(asked({"mesh", "token", "create", "--node", "a", "--secret-only"}).out,
              "vidai-join-abc\n");
    EXPECT_THAT(asked({"mesh", "token"}).err, HasSubstr(" create --node PATTERN ["));
    EXPECT_EQ(asked({"mesh", "token", "create"}).status, kExitUsage);
    EXPECT_EQ(asked({"mesh", "token", "delete", "--node", "a"}).status, kExitUsage);
    for (const char* ttl : {"1", "h", "0s", "-1h", "1w", "99999999999999999999s", ""}) {
        EXPECT_EQ(asked({"mesh", "token", "create", "--node", "a", "--ttl", ttl}).status,
                  kExitUsage)
            << ttl;
    }
}

}  // namespace
}  // namespace vidai::cli
