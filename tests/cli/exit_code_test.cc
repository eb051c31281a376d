// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.h"

#include <gmock/gmock.h>

#include "tests/cli/recorded.h"

namespace vidai::cli {
namespace {

using testing::HasSubstr;

class ExitCodes : public Shell {
  protected:
    Outcome failing(ErrorCode code) {
        recording_.failure = Error{code, "it went wrong", ""};
        return vidaictl({"--server", "h:1", "--identity", "i", "--root", "r", "mesh", "members"});
    }
};

TEST_F(ExitCodes, TellTheReasonsApart) {
    EXPECT_EQ(failing(ErrorCode::kInvalidRequest).status, 1);
    EXPECT_EQ(failing(ErrorCode::kUsage).status, 2);
    EXPECT_EQ(failing(ErrorCode::kNotFound).status, 3);
    EXPECT_EQ(failing(ErrorCode::kUnavailable).status, 4);
    EXPECT_EQ(failing(ErrorCode::kDeadlineExceeded).status, 4);
    EXPECT_EQ(failing(ErrorCode::kUnauthenticated).status, 5);
    EXPECT_EQ(failing(ErrorCode::kPermissionDenied).status, 5);
}

TEST_F(ExitCodes, HaveAPlaceForEveryErrorAndSuccessForNone) {
    for (int code = 0; code < kErrorCodeCount; ++code) {
        const int status = exit_code(static_cast<ErrorCode>(code));
        EXPECT_GE(status, kExitError) << error_code_name(static_cast<ErrorCode>(code));
        EXPECT_LE(status, kExitNotPermitted);
    }
}

TEST_F(ExitCodes, AFailureWritesNothingToStandardOutput) {
    const Outcome outcome = failing(ErrorCode::kCorrupt);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, "vidaictl: it went wrong\n");
}

TEST_F(ExitCodes, AMissingAnswerNamesTheAddressAndTheFlag) {
    EXPECT_EQ(failing(ErrorCode::kUnavailable).err,
              "vidaictl: it went wrong\n"
              "  asked h:1 (from --server): is vidaid up, and is this its mesh address? --server "
              "asks another, a node without a mesh at unix:DATA_DIR/operator.sock\n");
    EXPECT_THAT(failing(ErrorCode::kDeadlineExceeded).err,
                HasSubstr("waited 5000 ms: --timeout waits longer"));
    EXPECT_THAT(failing(ErrorCode::kUnauthenticated).err,
                HasSubstr("with --identity i and --root r"));
}

TEST_F(ExitCodes, ARefusedConnectionIsUnavailableToo) {
    recording_.refusal = Error{ErrorCode::kUnavailable, "connection refused", ""};
    const Outcome outcome = asked({"mesh", "status"});
    EXPECT_EQ(outcome.status, 4);
    EXPECT_THAT(outcome.err, HasSubstr("asked unix:/run/vidai (from --server)"));
}

TEST_F(ExitCodes, ALocalFileThatIsAbsentOrClosedIsNoMissingNodeAndNoMissingRight) {
    for (const ErrorCode code : {ErrorCode::kNotFound, ErrorCode::kPermissionDenied}) {
        recording_.refusal = Error{code, "cannot read /nope: why", "/nope"};
        recording_.init_failure = recording_.refusal;
        for (const char* flag : {"--identity", "--root"}) {
            const char* const other = flag == std::string("--root") ? "--identity" : "--root";
            EXPECT_EQ(
                vidaictl({"--server", "h:1", flag, "/nope", other, "x", "mesh", "status"}).status,
                1);
        }
        EXPECT_EQ(vidaictl({"mesh", "init", "/nope"}).status, 1);
    }
    recording_.refusal = Error{ErrorCode::kPermissionDenied, "the role does not allow it", ""};
    EXPECT_EQ(asked({"mesh", "status"}).status, 5);
}

TEST_F(ExitCodes, AnErrorFromAfarDoesNotSteerTheTerminal) {
    recording_.failure = Error{ErrorCode::kInternal, "bad \033]0;title\a", ""};
    EXPECT_EQ(asked({"mesh", "members"}).err, "vidaictl: bad \\x1b]0;title\\x07\n");
}

}  // namespace
}  // namespace vidai::cli
