// SPDX-License-Identifier: Apache-2.0
#include "mesh/wire/report_values.h"

#include <capnp/message.h>
#include <gtest/gtest.h>

#include "mesh/wire/operator_values.h"

namespace vidai::mesh::wire {
namespace {

using namespace std::chrono_literals;

NodeReport full() {
    NodeReport report;
    report.mesh.bytes.fill(7);
    report.self = {NodeId("a"), "h:1", MemberStatus::kAlive, {3},         {2},
                   true,        false, std::nullopt,         WallTime(5s)};
    report.self.version = "1.2.0";
    report.self.capabilities = 5;
    report.version = "1.2.0";
    report.alone = "connected to nobody";
    report.unsaved = "No space left on device";
    report.refusals = {{"certificate_expired", 12, "192.0.2.1:1"}, {"late", 1, ""}};
    report.set_back = SetBack{Generation{3}, Generation{7}};
    report.key = "01234567";
    report.wire_min = 1;
    report.wire_max = 2;
    report.clock = WallTime(100s);
    report.certificate_until = WallTime(200s);
    report.health = 4;
    report.registers = 9;
    report.digest = 0xfedcba9876543210;
    report.digest_interval = 5s;
    report.push_interval = 50ms;
    report.not_ready = "because";
    report.service = Service::kRevoked;
    report.root = "aa";
    report.certified_root = "bb";
    report.issuer = true;
    report.certified_by = {"cc", WallTime(1s), "*"};
    report.held = {"dd", WallTime(2s), "web-*"};
    report.money = {true, "full", true, 341, 683, {BudgetId("team-a")}, 2, {"b"}, 1, 3, 4};
    report.usage = {7, 9, 3'000ms, true, 2, 512, 4};
    PeerReport known{{NodeId("b"),
                      "h:2",
                      MemberStatus::kSuspect,
                      {1},
                      {0},
                      false,
                      true,
                      412us,
                      WallTime(6s),
                      1,
                      3,
                      "1.1.9",
                      1ULL << 63,
                      true},
                     WallTime(300s),
                     17ms,
                     true,
                     18ms,
                     19ms,
                     -20ms};
    PeerReport unknown;  // as much as may be
    unknown.member.id = NodeId("c");
    unknown.digest_match = false;
    report.peers = {known, unknown};
    return report;
}

TEST(NodeReportOnTheWire, SurvivesWhole) {
    capnp::MallocMessageBuilder message;
    auto out = message.initRoot<proto::NodeReport>();
    write(full(), out);
    const auto read_back = read(out.asReader());
    ASSERT_TRUE(read_back.has_value()) << read_back.error().message;
    EXPECT_EQ(*read_back, full());
}

TEST(NodeReportOnTheWire, SaysNothingOfMoneyWhereItsProgramDoesNot) {
    NodeReport before = full();
    before.money.reset();
    before.usage.reset();
    capnp::MallocMessageBuilder message;
    auto out = message.initRoot<proto::NodeReport>();
    write(before, out);
    const auto read_back = read(out.asReader());
    ASSERT_TRUE(read_back.has_value()) << read_back.error().message;
    EXPECT_EQ(*read_back, before);
}

TEST(NodeReportOnTheWire, IsRefusedWhenMalformed) {
    const auto spoiled = [](auto spoil) {
        capnp::MallocMessageBuilder message;
        auto out = message.initRoot<proto::NodeReport>();
        write(full(), out);
        spoil(out);
        const auto read_back = read(out.asReader());
        return read_back ? std::string("accepted") : read_back.error().param;
    };
    EXPECT_EQ(spoiled([](auto out) { out.getSelf().setStatus(5); }), "status");
    EXPECT_EQ(spoiled([](auto out) { out.getSelf().setId("NOT AN ID"); }), "id");
    EXPECT_EQ(spoiled([](auto out) { out.getPeers()[1].getMember().setId(""); }), "id");
    EXPECT_EQ(spoiled([](auto out) { out.initMesh(3); }), "mesh");
    EXPECT_EQ(spoiled([](auto out) { out.initPeers(16'385); }), "peers");
}

}  // namespace
}  // namespace vidai::mesh::wire
