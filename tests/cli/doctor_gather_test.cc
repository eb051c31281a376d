// SPDX-License-Identifier: Apache-2.0
// How the doctor asks: whom, and when again.
#include <functional>
#include <list>
#include <mutex>

#include <gtest/gtest.h>

#include "cli/doctor/diagnose.h"
#include "cli/doctor/gather.h"
#include "tests/cli/recorded.h"
#include "tests/cli/well.h"

namespace vidai::cli::doctor {
namespace {

using namespace std::chrono_literals;

// A mesh of recorded reports, by address.
class RecordedMesh {
  public:
    RecordedMesh() {
        world_.connect = [this](const mesh::OperatorTarget& target,
                                std::chrono::milliseconds) -> Result<std::unique_ptr<Operator>> {
            const std::lock_guard lock(mutex_);
            ++asked_[target.address];
            if (!reports.contains(target.address)) {
                return fail(ErrorCode::kUnavailable, "nobody at " + target.address);
            }
            recordings_.emplace_back().node_report = reports.at(target.address)();
            return std::make_unique<RecordedOperator>(recordings_.back(), target.address);
        };
        world_.clock = recorded_now;
        world_.pause = [this](std::chrono::milliseconds) { ++pauses; };
    }

    Facts gather(const std::string& address) {
        mesh::OperatorTarget target{address, "identity", "root"};
        auto first = world_.connect(target, 1s);
        auto facts = doctor::gather(world_, target, **first, 1s);
        EXPECT_TRUE(facts.has_value());
        return *facts;
    }
    int asked(const std::string& address) { return asked_[address]; }

    std::map<std::string, std::function<mesh::NodeReport()>> reports;
    int pauses = 0;

  private:
    std::mutex mutex_;
    std::map<std::string, int> asked_;
    std::list<Recording> recordings_;
    World world_;
};

TEST(DoctorGathers, EveryNodeThatAnyNodeKnows) {
    RecordedMesh mesh;
    mesh.reports["a:7420"] = []() { return well("a", {"b"}); };
    mesh.reports["b:7420"] = []() { return well("b", {"a", "c", "d"}); };
    mesh.reports["c:7420"] = []() { return well("c", {"a", "b"}); };
    const Facts facts = mesh.gather("a:7420");
    ASSERT_EQ(facts.nodes.size(), 4u);
    EXPECT_EQ(facts.asked, NodeId("a"));
    for (const char* known : {"a", "b", "c"}) {
        const auto& node = facts.nodes[static_cast<std::size_t>(known[0] - 'a')];
        EXPECT_TRUE(node.report.has_value()) << known;
    }
    ASSERT_TRUE(facts.nodes[3].unreachable.has_value());
    EXPECT_EQ(facts.nodes[3].unreachable->message, "nobody at d:7420");
}

TEST(DoctorGathers, OnceWhereAllIsSettled) {
    RecordedMesh mesh;
    mesh.reports["a:7420"] = []() { return well("a", {"b"}); };
    mesh.reports["b:7420"] = []() { return well("b", {"a"}); };
    EXPECT_EQ(mesh.gather("a:7420").nodes.size(), 2u);
    EXPECT_EQ(mesh.pauses, 0);
    EXPECT_EQ(mesh.asked("b:7420"), 1);
}

TEST(DoctorGathers, AgainWhileDigestsDiffer) {
    RecordedMesh mesh;
    int times = 0;
    mesh.reports["a:7420"] = []() { return well("a", {"b"}); };
    mesh.reports["b:7420"] = [&]() {
        auto report = well("b", {"a"});
        if (++times < 3) report.digest = 1;
        return report;
    };
    EXPECT_FALSE(digests_differ(mesh.gather("a:7420")));
    EXPECT_EQ(mesh.pauses, 2);
}

TEST(DoctorGathers, AgainWhileAConnectionIsMadeAnew) {
    RecordedMesh mesh;
    int times = 0;
    mesh.reports["a:7420"] = []() { return well("a", {"b"}); };
    mesh.reports["b:7420"] = [&]() {
        auto report = well("b", {"a"});
        if (++times < 3) report.peers.front().member.connected = false;
        return report;
    };
    EXPECT_EQ(worst(diagnose(mesh.gather("a:7420"))), Severity::kOk);
    EXPECT_EQ(mesh.pauses, 2);
}

TEST(DoctorGathers, NotWhatOneThatHasLeftRemembersAndNobodyElseKnows) {
    RecordedMesh mesh;
    mesh.reports["a:7420"] = []() {
        auto report = well("a", {"b", "gone"});
        report.service = mesh::Service::kLeft;
        report.not_ready = "it has left";
        return report;
    };
    mesh.reports["b:7420"] = []() { return well("b", {}); };
    const Facts facts = mesh.gather("a:7420");
    ASSERT_EQ(facts.nodes.size(), 2u);
    EXPECT_EQ(facts.nodes[1].id, NodeId("b"));
}

TEST(DoctorGathers, AndGivesUpOnDigestsThatStayDifferent) {
    RecordedMesh mesh;
    mesh.reports["a:7420"] = []() { return well("a", {"b"}); };
    mesh.reports["b:7420"] = []() {
        auto report = well("b", {"a"});
        report.digest = 1;
        return report;
    };
    const Facts facts = mesh.gather("a:7420");
    EXPECT_TRUE(digests_differ(facts));
    EXPECT_FALSE(facts.nodes[0].digest_moving || facts.nodes[1].digest_moving);
    EXPECT_EQ(mesh.pauses, 3);
    EXPECT_EQ(worst(diagnose(facts)), Severity::kError);
}

TEST(DoctorGathers, AgainWhileANodeBegins) {
    RecordedMesh mesh;
    int times = 0;
    mesh.reports["a:7420"] = [&]() {
        auto report = well("a", {});
        report.self.since = report.clock - 1s;
        if (++times < 3) report.not_ready = "it has just started";
        return report;
    };
    EXPECT_EQ(worst(diagnose(mesh.gather("a:7420"))), Severity::kOk);
    EXPECT_EQ(mesh.pauses, 2);
}

TEST(DoctorGathers, OnceFromANodeThatHasNotServedForLong) {
    RecordedMesh mesh;
    mesh.reports["a:7420"] = []() {
        auto report = well("a", {});
        report.self.since = report.clock - 1min;
        report.not_ready = "the disk is full";
        return report;
    };
    EXPECT_EQ(worst(diagnose(mesh.gather("a:7420"))), Severity::kError);
    EXPECT_EQ(mesh.pauses, 0);
}

TEST(DoctorGathers, NobodyElseOverALocalSocket) {
    RecordedMesh mesh;
    mesh.reports["unix:/run/x"] = []() { return well("a", {"b"}); };
    const Facts facts = mesh.gather("unix:/run/x");
    EXPECT_TRUE(facts.local_only);
    EXPECT_EQ(facts.nodes.size(), 2u);
    EXPECT_EQ(mesh.asked("b:7420"), 0);
    EXPECT_EQ(worst(diagnose(facts)), Severity::kInfo);
}

}  // namespace
}  // namespace vidai::cli::doctor
