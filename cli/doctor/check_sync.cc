// SPDX-License-Identifier: Apache-2.0
// Whether the nodes really hold the same: register digests of all at one time, when each pair
// compared last, and counters that a peer has not acknowledged.
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <utility>

#include "cli/doctor/checks.h"

namespace vidai::cli::doctor {

namespace {

using std::chrono::milliseconds;

std::string digest_text(std::uint64_t digest) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(digest));
    return text.data();
}

void judge_digests(const Facts& facts, Findings& out) {
    if (!digests_differ(facts)) return;
    std::map<std::uint64_t, std::vector<const mesh::NodeReport*>> groups;
    for (const mesh::NodeReport* report : reports(facts)) groups[report->digest].push_back(report);
    std::string parts;
    for (const auto& [digest, holders] : groups) {
        std::vector<std::string> names;
        for (const mesh::NodeReport* report : holders) names.push_back(report->self.id.str());
        parts += (parts.empty() ? "" : "; ") + listed(names) + ": " +
                 std::to_string(holders.front()->registers) + " (digest " + digest_text(digest) +
                 ")";
    }
    const bool moving = std::any_of(facts.nodes.begin(), facts.nodes.end(),
                                    [](const NodeFacts& node) { return node.digest_moving; });
    if (moving) {
        out.push_back({Severity::kWarning, "", "mesh",
                       "registers differ and are still moving: " + parts,
                       "Ask again when no keys are being made or revoked."});
    } else {
        out.push_back({Severity::kError, "", "mesh", "registers differ and stay so: " + parts,
                       "Mend the links above first. Else see mesh.trouble in the logs and "
                       "vidai_mesh_register_merges_total{result=\"refused\"}: a node that refuses "
                       "what another signed names the reason."});
    }
}

// Each digest interval one peer in turn is asked.
milliseconds round_limit(const mesh::NodeReport& report) {
    const auto connected =
        std::count_if(report.peers.begin(), report.peers.end(),
                      [](const mesh::PeerReport& peer) { return peer.member.connected; });
    return std::max(milliseconds(30'000), 3 * connected * report.digest_interval);
}

void judge_age(const Facts& facts, const mesh::NodeReport& report, const mesh::PeerReport& peer,
               Findings& out) {
    if (!peer.member.connected) return;
    const milliseconds limit = round_limit(report);
    const std::string pair = report.self.id.str() + " <- " + peer.member.id.str();
    const std::string todo =
        "The connection is up but carries no answers: see mesh.trouble in the logs of both.";
    if (peer.synced_ago && *peer.synced_ago > limit) {
        out.push_back({Severity::kWarning, "", pair,
                       "registers were compared last " + span_text(*peer.synced_ago) + " ago",
                       todo});
    } else if (!peer.synced_ago && facts.now - peer.member.since > limit) {
        out.push_back({Severity::kWarning, "", pair,
                       "registers have not been compared on this connection", todo});
    }
}

}  // namespace

void check_registers(const Facts& facts, Findings& out) {
    judge_digests(facts, out);
    for (const mesh::NodeReport* report : reports(facts)) {
        for (const mesh::PeerReport& peer : report->peers) judge_age(facts, *report, peer, out);
    }
}

std::string proven_registers(const Facts& facts) {
    const auto answered = reports(facts);
    if (answered.empty()) return "";
    return "all " + std::to_string(answered.size()) + " hold the same " +
           std::to_string(answered.front()->registers) + " registers, digest " +
           digest_text(answered.front()->digest);
}

void check_counters(const Facts& facts, Findings& out) {
    for (const mesh::NodeReport* report : reports(facts)) {
        for (const mesh::PeerReport& peer : report->peers) {
            // Of one that is held dead the check `members` tells.
            if (peer.member.status == mesh::MemberStatus::kDead) continue;
            if (!peer.member.connected || peer.counters_owed < kOwedWarn) continue;
            const bool bad = peer.counters_owed >= kOwedError;
            out.push_back({bad ? Severity::kError : Severity::kWarning, "",
                           report->self.id.str() + " -> " + peer.member.id.str(),
                           "has not acknowledged counters for " + span_text(peer.counters_owed),
                           "Limits may be overshot by what is admitted meanwhile: see whether " +
                               peer.member.id.str() + " is stopped, overloaded or far away."});
        }
    }
}

std::string proven_counters(const Facts& facts) {
    if (reports(facts).size() < 2) return "";
    milliseconds most{};
    for (const mesh::NodeReport* report : reports(facts)) {
        for (const mesh::PeerReport& peer : report->peers) {
            if (peer.member.connected) most = std::max(most, peer.counters_owed);
        }
    }
    if (most == milliseconds(0)) return "every node has acknowledged all counters of all others";
    return "counters are acknowledged within " + span_text(most);
}

}  // namespace vidai::cli::doctor
