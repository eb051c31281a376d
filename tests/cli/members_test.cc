// SPDX-License-Identifier: Apache-2.0
// `mesh members --watch` and `node drain`, as a shell sees them.
#include <gmock/gmock.h>

#include "tests/cli/recorded.h"

namespace vidai::cli {
namespace {

using mesh::MemberStatus;
using testing::ElementsAre;
using testing::HasSubstr;

class Members : public Shell {
  protected:
    static std::vector<mesh::Member> mesh_of(MemberStatus b) {
        auto self = recorded_member("a", MemberStatus::kAlive);
        self.self = true;
        return {self, recorded_member("node-b", b)};
    }
    Outcome asked_as_operator(std::vector<const char*> arguments) {
        arguments.insert(arguments.begin(), {"--server", "h:1", "--identity", "i", "--root", "r"});
        return vidaictl(std::move(arguments));
    }
};

TEST_F(Members, WatchedAreShownAllAndThenThoseThatChange) {
    recording_.later = {mesh_of(MemberStatus::kAlive), mesh_of(MemberStatus::kAlive),
                        mesh_of(MemberStatus::kSuspect), mesh_of(MemberStatus::kDead)};
    recording_.later[1][1].rtt = std::chrono::microseconds(7);  // no news
    recording_.writes_max = 3;
    const Outcome done = asked({"mesh", "members", "--watch"});
    EXPECT_EQ(done.status, 0);
    EXPECT_EQ(done.out, "");
    EXPECT_THAT(recording_.written, ElementsAre("NODE    STATUS  ADDRESS         RTT  SINCE\n"
                                                "a       alive   127.0.0.1:7420    -     3m\n"
                                                "node-b  alive   127.0.0.1:7420    -     3m\n",
                                                "node-b  suspect  127.0.0.1:7420    -     3m\n",
                                                "node-b  dead     127.0.0.1:7420    -     3m\n"));
}

TEST_F(Members, WatchedEndWithTheNode) {
    recording_.failure = Error{ErrorCode::kUnavailable, "it broke off", ""};
    const Outcome done = asked({"mesh", "members", "-w", "-o", "json"});
    EXPECT_EQ(done.status, 4);
    EXPECT_THAT(done.err, HasSubstr("it broke off"));
}

TEST_F(Members, ANodeIsAskedItselfToDrain) {
    recording_.members = mesh_of(MemberStatus::kAlive);
    recording_.members[1].address = "b:7420";
    recording_.draining = {NodeId("node-b"), false};
    const Outcome done = asked_as_operator({"node", "drain", "node-b", "--grace", "3s"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(recording_.drained_at, "b:7420");
    EXPECT_EQ(recording_.drained.str(), "node-b") << "the node is named to whoever answers there";
    EXPECT_EQ(recording_.grace, std::chrono::seconds(3));
    EXPECT_THAT(done.err, HasSubstr("members --watch"));
}

TEST_F(Members, DrainingWaitsUntilTheNodeHasLeft) {
    recording_.later = {mesh_of(MemberStatus::kAlive), mesh_of(MemberStatus::kAlive),
                        mesh_of(MemberStatus::kLeft)};
    recording_.draining = {NodeId("node-b"), false};
    const Outcome done = asked_as_operator({"mesh", "leave", "node-b", "--within", "10s"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(done.out, HasSubstr("left"));
    EXPECT_EQ(recording_.grace, std::chrono::seconds(0));
}

TEST_F(Members, DrainingThatTakesLongerThanOneWaitsSaysSo) {
    recording_.members = mesh_of(MemberStatus::kAlive);
    recording_.draining = {NodeId("node-b"), false};
    const Outcome done = asked_as_operator({"node", "drain", "node-b", "--within", "200ms"});
    EXPECT_EQ(done.status, 4);
    EXPECT_THAT(done.err, HasSubstr("has not left yet"));
    EXPECT_THAT(done.err, HasSubstr("--within takes a longer time"));
    EXPECT_THAT(done.err, testing::Not(HasSubstr("--timeout"))) << "that is another time";
}

TEST_F(Members, DrainingAnUnknownNodeOrAnotherThroughASocketIsRefused) {
    recording_.members = mesh_of(MemberStatus::kAlive);
    EXPECT_EQ(asked_as_operator({"node", "drain", "c"}).status, 3);
    const Outcome local = asked({"node", "drain", "node-b"});
    EXPECT_EQ(local.status, 2);
    EXPECT_THAT(local.err, HasSubstr("is for that node only"));
    EXPECT_EQ(recording_.drained_at, "");
    EXPECT_EQ(asked({"node", "drain", "node-b", "--grace", "soon"}).status, 2);
}

TEST_F(Members, ANodeIsAskedItselfForANewKey) {
    recording_.members = mesh_of(MemberStatus::kAlive);
    recording_.members[1].address = "b:7420";
    const Outcome done = asked_as_operator({"mesh", "rotate", "node", "node-b"});
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_EQ(recording_.rotated_at, "b:7420");
    EXPECT_THAT(done.out, HasSubstr("Key fingerprint:  new:print"));
    EXPECT_THAT(done.err, HasSubstr("mesh revoke --key " + std::string(64, 'a')));
    EXPECT_EQ(asked_as_operator({"mesh", "rotate", "node", "c"}).status, 3);
    EXPECT_EQ(asked({"mesh", "rotate", "node", "node-b"}).status, 2) << "by another's socket";
    EXPECT_EQ(asked_as_operator({"mesh", "rotate", "nodes", "node-b"}).status, 2);
}

}  // namespace
}  // namespace vidai::cli
