// SPDX-License-Identifier: Apache-2.0
// Connections: each pair has one, both sides agree on it, and no group is cut off.
#include <algorithm>
#include <cstddef>
#include <utility>

#include "cli/doctor/checks.h"
#include "cli/print/text.h"

namespace vidai::cli::doctor {

namespace {

using Reports = std::vector<const mesh::NodeReport*>;

bool connected(const mesh::NodeReport& from, const NodeId& to) {
    const mesh::PeerReport* peer = peer_of(from, to);
    return peer != nullptr && peer->member.connected;
}

// The group of each report: those that a chain of connections joins share one.
std::vector<std::size_t> groups_of(const Reports& answered) {
    std::vector<std::size_t> group(answered.size());
    for (std::size_t i = 0; i < group.size(); ++i) group[i] = i;
    for (std::size_t a = 0; a < answered.size(); ++a) {
        for (std::size_t b = a + 1; b < answered.size(); ++b) {
            if (group[a] == group[b]) continue;
            if (!connected(*answered[a], answered[b]->self.id) &&
                !connected(*answered[b], answered[a]->self.id)) {
                continue;
            }
            const std::size_t gone = std::max(group[a], group[b]);
            const std::size_t kept = std::min(group[a], group[b]);
            std::replace(group.begin(), group.end(), gone, kept);
        }
    }
    return group;
}

void judge_partition(const Reports& answered, const std::vector<std::size_t>& group,
                     Findings& out) {
    std::string parts;
    std::size_t count = 0;
    for (std::size_t g = 0; g < group.size(); ++g) {
        std::vector<std::string> names;
        for (std::size_t i = 0; i < group.size(); ++i) {
            if (group[i] == g) names.push_back(answered[i]->self.id.str());
        }
        if (names.empty()) continue;
        parts += (count++ == 0 ? "{" : " | {") + listed(names) + "}";
    }
    if (count < 2) return;
    out.push_back({Severity::kError, "", "mesh",
                   "a partition is suspected: no connection between " + parts,
                   "Open the mesh port between the groups. It heals by itself; until then each "
                   "side counts limits on its own."});
}

void judge_pair(const mesh::NodeReport& a, const mesh::NodeReport& b, Findings& out) {
    const bool ab = connected(a, b.self.id), ba = connected(b, a.self.id);
    if (ab && ba) return;
    const std::string pair = a.self.id.str() + " <-> " + b.self.id.str();
    if (ab != ba) {
        const auto& [has, lacks] = ab ? std::pair(a, b) : std::pair(b, a);
        out.push_back({Severity::kWarning, "", pair,
                       has.self.id.str() + " holds a connection that " + lacks.self.id.str() +
                           " does not: asymmetric, or half-open",
                       "Ask again in some seconds. If it stays, something between them (NAT, a "
                       "firewall with short timeouts) drops connections without a word."});
    } else {
        out.push_back({Severity::kError, "", pair, "have no connection",
                       "See whether " + a.self.address + " and " + b.self.address +
                           " reach each other; others carry their rumors meanwhile."});
    }
}

void judge_alone(const mesh::NodeReport& report, Findings& out) {
    if (report.alone.empty()) return;
    out.push_back(
        {Severity::kError, "", report.self.id.str(), report.alone,
         "See its log and its seeds, and whether the nodes' mesh ports can be reached "
         "from there. Until then limits are counted there alone, and keys made or revoked "
         "elsewhere are unknown there."});
}

}  // namespace

bool links_differ(const Facts& facts) {
    const Reports answered = reports(facts);
    for (const mesh::NodeReport* from : answered) {
        for (const mesh::NodeReport* to : answered) {
            if (from != to && !connected(*from, to->self.id)) return true;
        }
    }
    return false;
}

void check_links(const Facts& facts, Findings& out) {
    const Reports answered = reports(facts);
    for (const mesh::NodeReport* report : answered) judge_alone(*report, out);
    const std::vector<std::size_t> group = groups_of(answered);
    judge_partition(answered, group, out);
    for (std::size_t a = 0; a < answered.size(); ++a) {
        for (std::size_t b = a + 1; b < answered.size(); ++b) {
            if (group[a] == group[b]) judge_pair(*answered[a], *answered[b], out);
        }
    }
}

std::string proven_links(const Facts& facts) {
    const Reports answered = reports(facts);
    if (answered.size() < 2) return "";
    std::optional<std::chrono::microseconds> slowest;
    for (const mesh::NodeReport* report : answered) {
        for (const mesh::PeerReport& peer : report->peers) {
            if (peer.member.connected && peer.member.rtt) {
                slowest = std::max(slowest.value_or(*peer.member.rtt), *peer.member.rtt);
            }
        }
    }
    const std::size_t pairs = answered.size() * (answered.size() - 1) / 2;
    return std::to_string(pairs) + " of " + std::to_string(pairs) +
           " links are up on both sides, slowest round trip " + print::rtt_text(slowest);
}

}  // namespace vidai::cli::doctor
