// SPDX-License-Identifier: Apache-2.0
// The report of a node that is well, which the doctor's tests spoil.
#pragma once

#include <string>
#include <vector>

#include "mesh/node_report.h"
#include "tests/cli/recorded.h"

namespace vidai::cli::doctor {

inline mesh::NodeReport well(const std::string& id, const std::vector<std::string>& others) {
    mesh::NodeReport report;
    report.self = recorded_member(id, mesh::MemberStatus::kAlive);
    report.self.address = id + ":7420";
    report.self.self = true;
    report.version = "1.2.0";
    report.wire_min = 1;
    report.wire_max = 2;
    report.clock = recorded_now();
    report.certificate_until = recorded_now() + std::chrono::hours(100);
    report.registers = 5;
    report.digest = 0xabc;
    report.digest_interval = std::chrono::seconds(5);
    report.push_interval = std::chrono::milliseconds(50);
    report.root = report.certified_root = "0123456789";
    report.issuer = id == "a";
    for (const std::string& other : others) {
        mesh::PeerReport peer;
        peer.member = recorded_member(other, mesh::MemberStatus::kAlive);
        peer.member.address = other + ":7420";
        peer.member.connected = true;
        peer.member.rtt = std::chrono::microseconds(400);
        peer.member.wire_min = 1;
        peer.member.wire_max = 2;
        peer.member.version = "1.2.0";
        peer.certificate_until = recorded_now() + std::chrono::hours(100);
        peer.synced_ago = std::chrono::seconds(3);
        peer.digest_match = true;
        report.peers.push_back(peer);
    }
    return report;
}

}  // namespace vidai::cli::doctor
