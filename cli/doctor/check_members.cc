// SPDX-License-Identifier: Apache-2.0
// Who answers, who is held to be what by whom, and whether all know all.
#include <algorithm>
#include <map>
#include <utility>

#include "cli/doctor/checks.h"

namespace vidai::cli::doctor {

namespace {

using mesh::MemberStatus;

// What the nodes that answered say of one member.
struct Opinions {
    std::map<MemberStatus, std::vector<std::string>> by_status;
    std::vector<std::string> ignorant;
    WallTime since{};        // of the longest held status other than alive
    bool connected = false;  // somebody holds a connection to it

    bool any(MemberStatus status) const { return by_status.contains(status); }
    std::string holders(MemberStatus status) const { return listed(by_status.at(status)); }
};

Opinions opinions_on(const Facts& facts, const NodeId& id) {
    Opinions found;
    for (const mesh::NodeReport* report : reports(facts)) {
        if (report->self.id == id) continue;
        const mesh::PeerReport* peer = peer_of(*report, id);
        if (peer == nullptr) {
            found.ignorant.push_back(report->self.id.str());
            continue;
        }
        const mesh::Member& member = peer->member;
        found.by_status[member.status].push_back(report->self.id.str());
        found.connected |= member.connected;
        if (member.status != MemberStatus::kAlive &&
            (found.since == WallTime{} || member.since < found.since)) {
            found.since = member.since;
        }
    }
    return found;
}

std::chrono::milliseconds age(const Facts& facts, WallTime since) {
    return std::max(std::chrono::milliseconds(0), facts.now - since);
}

void judge_dead(const Facts& facts, const NodeFacts& node, const Opinions& said, Findings& out) {
    const auto held = age(facts, said.since);
    const std::string who = said.holders(MemberStatus::kDead);
    if (node.report) {
        out.push_back({Severity::kError, "", node.id.str(),
                       "is held dead by " + who + ", but it answers vidaictl",
                       "The network between them is cut: see whether they reach its mesh port " +
                           node.address + "."});
    } else if (held > kGhostAge) {
        out.push_back(
            {Severity::kWarning, "", node.id.str(),
             "is a ghost: dead for " + span_text(held) + " by " + who,
             "Start it again, or if it is gone for good: vidaictl mesh forget " + node.id.str()});
    } else {
        out.push_back({Severity::kError, "", node.id.str(),
                       "is held dead by " + who + " since " + span_text(held) + " ago",
                       "See whether vidaid runs there and its log; it rejoins by itself when it is "
                       "started again."});
    }
}

// A data directory that was copied and runs under another name, too. The one that was met first is
// nobody's to tell.
void judge_copies(const Facts& facts, Findings& out) {
    std::map<std::string, std::vector<std::string>> by_key;
    for (const NodeFacts& node : facts.nodes) {
        if (is_out(node) || !node.report || node.report->key.empty()) continue;
        by_key[node.report->key].push_back(node.id.str());
    }
    for (const auto& [key, ids] : by_key) {
        if (ids.size() < 2) continue;
        out.push_back(
            {Severity::kError, "", listed(ids),
             "have one key, " + key + ": the data directory of one is a copy of the other's",
             "Stop the copy, give it an empty data directory and start it again: it makes a key "
             "of its own. Until then they take each other's connections, and to revoke one "
             "revokes both."});
    }
}

}  // namespace

void check_reach(const Facts& facts, Findings& out) {
    for (const NodeFacts& node : facts.nodes) {
        if (node.report && node.report->self.id != node.id) {
            out.push_back(
                {Severity::kError, "", node.id.str(),
                 "its address " + node.address + " is answered by " + node.report->self.id.str(),
                 "Two nodes advertise one address: give each its own --advertise."});
        }
        if (node.report || facts.local_only) continue;
        const Opinions said = opinions_on(facts, node.id);
        if (said.any(MemberStatus::kDead) && !said.any(MemberStatus::kAlive)) continue;
        if (said.connected) {
            out.push_back({Severity::kWarning, "", node.id.str(),
                           "vidaictl could not ask it, though others are connected to it: " +
                               node.unreachable->message,
                           "Is it stopped or overloaded? Else let this host reach " + node.address +
                               ": its own view was not checked."});
        } else {
            out.push_back({Severity::kError, "", node.id.str(),
                           "does not answer: " + node.unreachable->message,
                           "See whether vidaid runs there and its mesh port is open."});
        }
    }
    if (facts.local_only && facts.nodes.size() > 1) {
        out.push_back({Severity::kInfo, "", "mesh",
                       "only " + facts.asked.str() + " was asked, over its local socket",
                       "With --server HOST:PORT and an operator's identity all nodes are asked."});
    }
}

std::string proven_reach(const Facts& facts) {
    const auto answered = std::ranges::count_if(
        facts.nodes, [](const NodeFacts& node) { return node.report.has_value(); });
    const bool all = std::cmp_equal(answered, facts.nodes.size()) || facts.local_only;
    return std::to_string(answered) + " of " + std::to_string(facts.nodes.size()) +
           " nodes answered" + (all ? "" : ", and the others are held dead");
}

void check_members(const Facts& facts, Findings& out) {
    judge_copies(facts, out);
    for (const NodeFacts& node : facts.nodes) {
        if (is_out(node)) continue;  // told by the check `health`
        const Opinions said = opinions_on(facts, node.id);
        const std::string id = node.id.str();
        if (said.any(MemberStatus::kDead)) judge_dead(facts, node, said, out);
        if (said.any(MemberStatus::kSuspect)) {
            out.push_back({Severity::kWarning, "", id,
                           "is suspected by " + said.holders(MemberStatus::kSuspect),
                           "Ask again in some seconds: it is alive or dead by then. If it comes "
                           "back, the node or its network is slow."});
        }
        if (said.any(MemberStatus::kJoining) && age(facts, said.since) > std::chrono::minutes(1)) {
            out.push_back({Severity::kWarning, "", id,
                           "is remembered by " + said.holders(MemberStatus::kJoining) +
                               " but has not been met since their start",
                           "Start it, or if it is gone for good: vidaictl mesh forget " + id});
        }
        if (!said.ignorant.empty() && !said.any(MemberStatus::kDead)) {
            out.push_back({Severity::kWarning, "", id, "is not known to " + listed(said.ignorant),
                           "If it has just joined, ask again in some seconds; else see whether "
                           "they reach " +
                               node.address + "."});
        }
        if (said.any(MemberStatus::kLeft) && node.report && node.report->not_ready.empty()) {
            out.push_back(
                {Severity::kWarning, "", id,
                 "has left in the view of " + said.holders(MemberStatus::kLeft) + ", but runs",
                 "If it was just started, ask again in some seconds."});
        }
    }
}

std::string proven_members(const Facts& facts) {
    if (reports(facts).size() < 2) return "";
    return "all know all, and hold each other alive";
}

}  // namespace vidai::cli::doctor
