// SPDX-License-Identifier: Apache-2.0
// --watch of the commands that show their whole answer each time, as a shell sees it.
#include <gmock/gmock.h>

#include "tests/cli/recorded.h"
#include "tests/cli/well.h"

namespace vidai::cli {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

class Watch : public Shell {
  protected:
    Watch() { recording_.writes_max = 3; }
};

TEST_F(Watch, AStatusIsShownAgainUntilNobodyReads) {
    recording_.status.keys = 17;
    const Outcome done = asked({"mesh", "status", "--watch"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(done.out, "");
    EXPECT_THAT(recording_.written, SizeIs(3));
    EXPECT_THAT(recording_.written, Each(StartsWith("2026-11-22T07:16:06.123Z\nMesh:")));
    EXPECT_THAT(recording_.written, Each(EndsWith("Keys:       17\n")));
    EXPECT_THAT(recording_.pauses, ElementsAre(2'000, 2'000)) << "milliseconds";
}

TEST_F(Watch, ATerminalShowsEachAnswerInPlaceOfTheOneBefore) {
    terminal_ = true;
    asked({"mesh", "status", "-w"});
    EXPECT_THAT(recording_.written, Each(StartsWith("\x1b[2J\x1b[H2026-11-22T07:16:06.123Z")));
}

TEST_F(Watch, TheSecondsStandBehindTheFlagOrAfterAnEqualsSign) {
    for (const std::vector<const char*>& line :
         {std::vector<const char*>{"node", "show", "n1", "--watch", "7"},
          {"node", "show", "-w", "7", "n1"},
          {"node", "show", "--watch=7", "n1"}}) {
        recording_.written.clear();
        recording_.pauses.clear();
        EXPECT_EQ(asked(line).status, 0);
        EXPECT_THAT(recording_.pauses, ElementsAre(7'000, 7'000));
    }
}

TEST_F(Watch, AWordBehindTheFlagIsNoTime) {
    EXPECT_EQ(asked({"node", "show", "--watch", "n1"}).status, 0);
    EXPECT_THAT(recording_.pauses, ElementsAre(2'000, 2'000));
}

TEST_F(Watch, ATimeThatIsNoneIsRefused) {
    for (const char* const flag : {"--watch=0", "--watch=3601", "--watch=soon", "--watch=-1"}) {
        const Outcome done = asked({"mesh", "status", flag});
        EXPECT_EQ(done.status, 2) << flag;
        EXPECT_THAT(done.err, HasSubstr("--watch takes whole seconds from 1 to 3600")) << flag;
    }
    EXPECT_THAT(recording_.written, SizeIs(0));
}

TEST_F(Watch, ProgramsReadADocumentEachTime) {
    terminal_ = true;
    asked({"mesh", "status", "-w", "-o", "json"});
    EXPECT_THAT(recording_.written, Each(StartsWith("{")));
    recording_.written.clear();
    asked({"mesh", "status", "-w", "-o", "yaml"});
    EXPECT_THAT(recording_.written, Each(EndsWith("---\n")));
    EXPECT_THAT(recording_.written, Each(Not(HasSubstr("\x1b"))));
}

TEST_F(Watch, TheDoctorLooksAgainAtAllNodes) {
    recording_.node_report = doctor::well("a", {});
    recording_.members = {recording_.node_report.self};
    const Outcome done = asked({"mesh", "doctor", "--watch"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(recording_.written, SizeIs(3));
    EXPECT_THAT(recording_.written, Each(HasSubstr("RESULT")));
}

TEST_F(Watch, ItEndsWithTheNodeThatIsAsked) {
    recording_.failure = Error{ErrorCode::kUnavailable, "it broke off", ""};
    const Outcome done = asked({"mesh", "status", "--watch"});
    EXPECT_EQ(done.status, 4);
    EXPECT_THAT(done.err, HasSubstr("it broke off"));
}

TEST_F(Watch, MembersTakeATimeToo) {
    recording_.members = {recorded_member("a", mesh::MemberStatus::kAlive)};
    recording_.later = {recording_.members,
                        {recorded_member("a", mesh::MemberStatus::kSuspect)},
                        {recorded_member("a", mesh::MemberStatus::kDead)}};
    EXPECT_EQ(asked({"mesh", "members", "--watch", "3"}).status, 0);
    EXPECT_THAT(recording_.pauses, ElementsAre(3'000, 3'000));
}

}  // namespace
}  // namespace vidai::cli
