// SPDX-License-Identifier: Apache-2.0
// `mesh rotate`: what is told to the mesh, and what to do when only half of it was done.
#include <gmock/gmock.h>

#include "cli/exit_code.h"
#include "tests/cli/recorded.h"

namespace vidai::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class Rotating : public Shell {
  protected:
    Rotating() { recording_.stated.subject = recording_.stated.fingerprint = "5678:9abc"; }
};

TEST_F(Rotating, TellsTheMeshOfAFileThatWasMadeBefore) {
    const Outcome outcome = asked({"mesh", "rotate", "state", "next/succession"});
    EXPECT_EQ(outcome.status, kExitOk) << outcome.err;
    EXPECT_EQ(recording_.succession, "next/succession");
    EXPECT_THAT(outcome.out, HasSubstr("next/succession"));
    EXPECT_THAT(asked({"mesh", "rotate", "state", "next/succession", "-o", "json"}).out,
                HasSubstr("\"succession\": \"next/succession\",\n  \"stated\": true"));
    recording_.heard.by = {NodeId("n1")};
    EXPECT_THAT(asked({"mesh", "rotate", "state", "f", "--wait", "-o", "json"}).out,
                HasSubstr("\"acknowledged\": [\n    \"n1\"\n  ]"));
}

TEST_F(Rotating, HasForEachKindTheFlagsOfThatKind) {
    const std::string issuer = asked({"mesh", "rotate", "issuer", "--help"}).out;
    EXPECT_THAT(issuer, HasSubstr("Usage: vidaictl mesh rotate issuer OLD_DIR NEW_DIR [flags]"));
    EXPECT_THAT(issuer, HasSubstr("--node-pattern"));
    for (const char* flag : {"--overlap", "--retire", "--offline", "--force", "--wait"}) {
        EXPECT_THAT(issuer, Not(HasSubstr(flag))) << flag;
    }
    const std::string state = asked({"mesh", "rotate", "state", "--help"}).out;
    EXPECT_THAT(state, HasSubstr("--wait"));
    EXPECT_THAT(state, Not(HasSubstr("--node-pattern")));
    EXPECT_THAT(asked({"mesh", "rotate", "root", "--help"}).out, HasSubstr("--retire"));
    EXPECT_THAT(asked({"mesh", "rotate", "--help"}).out, HasSubstr("--retire"));
    const Outcome wrong = asked({"mesh", "rotate", "state", "f", "--retire"});
    EXPECT_EQ(wrong.status, kExitUsage);
    EXPECT_THAT(wrong.err, HasSubstr("'mesh rotate state' has no flag --retire"));
}

TEST_F(Rotating, ShowsTheNewRootOnce) {
    const std::string out = asked({"mesh", "rotate", "root", "old", "next"}).out;
    EXPECT_EQ(out.find("5678:9abc"), out.rfind("5678:9abc")) << out;
    EXPECT_THAT(out, HasSubstr("New root:        5678:9abc\n"));
}

TEST_F(Rotating, SaysThatTheFilesAreMadeWhenTheMeshCouldNotBeTold) {
    recording_.refusal = {ErrorCode::kUnavailable, "cannot reach n1", "n1"};
    const Outcome outcome = asked({"mesh", "rotate", "root", "old", "next"});
    EXPECT_EQ(outcome.status, kExitUnavailable);
    EXPECT_THAT(outcome.err, HasSubstr("the files are made"));
    EXPECT_THAT(outcome.err, HasSubstr("cannot reach n1"));
    EXPECT_THAT(outcome.err, HasSubstr("mesh rotate state next/succession"));
    EXPECT_THAT(asked({"mesh", "rotate", "state", "next/succession"}).err,
                Not(HasSubstr("are made")));
}

TEST_F(Rotating, PointsToTheFilesOfAnEarlierTry) {
    recording_.roll_failure = {ErrorCode::kAlreadyExists, "next/root.key exists", "next/root.key"};
    const Outcome outcome = asked({"mesh", "rotate", "root", "old", "next"});
    EXPECT_NE(outcome.status, kExitOk);
    EXPECT_THAT(outcome.err, HasSubstr("mesh rotate state next/succession"));
}

}  // namespace
}  // namespace vidai::cli
