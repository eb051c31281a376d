// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor/gather.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cli/doctor/checks.h"
#include "cli/doctor/diagnose.h"

namespace vidai::cli::doctor {

namespace {

using std::chrono::milliseconds;

// A rumor goes to all at once and a lost one is repaired within a digest interval of seconds; a
// connection that ended, as many do when the root rolls over, is made anew within a second.
constexpr milliseconds kAgain[] = {milliseconds(250), milliseconds(1'000), milliseconds(2'000)};
constexpr milliseconds kBeginning{10'000};  // of a process
constexpr int kWaves = 3;  // nodes that only other nodes know are asked in the next

struct Asking {
    const World& world;
    mesh::OperatorTarget target;  // but for the address
    milliseconds timeout;
};

void take(const World& world, Operator& from, NodeFacts& node) {
    const WallTime before = world.clock();
    auto report = from.report();
    const WallTime after = world.clock();
    if (!report) {
        node.report.reset();
        node.unreachable = std::move(report).error();
        return;
    }
    node.round_trip = std::max(milliseconds(0), after - before);
    node.clock_offset = (report->clock - before) - node.round_trip / 2;
    node.digest_moving = node.report && node.report->digest != report->digest;
    node.report = std::move(*report);
    node.unreachable.reset();
}

void ask(const Asking& asking, NodeFacts& node) {
    mesh::OperatorTarget target = asking.target;
    target.address = node.address;
    auto client = asking.world.connect(target, asking.timeout);
    if (!client) {
        node.report.reset();
        node.unreachable = std::move(client).error();
        return;
    }
    take(asking.world, **client, node);
}

// Each node is one helper's alone, so that nothing is shared but the index.
void ask_all(const Asking& asking, std::span<NodeFacts* const> nodes) {
    std::atomic<std::size_t> next{0};
    const auto work = [&]() {
        for (std::size_t i = next++; i < nodes.size(); i = next++) ask(asking, *nodes[i]);
    };
    std::vector<std::jthread> helpers;
    for (std::size_t i = 0; i < std::min(nodes.size(), kAskedAtOnce); ++i) {
        helpers.emplace_back(work);
    }
}

// Whom the reports name and nobody has asked yet.
std::vector<NodeFacts> news(const std::map<NodeId, NodeFacts>& known) {
    std::map<NodeId, NodeFacts> found;
    for (const auto& [id, node] : known) {
        if (!node.report) continue;
        for (const mesh::PeerReport& peer : node.report->peers) {
            if (peer.member.status == mesh::MemberStatus::kLeft) continue;
            if (known.contains(peer.member.id)) continue;
            NodeFacts& entry = found[peer.member.id];
            entry.id = peer.member.id;
            entry.address = peer.member.address;
        }
    }
    std::vector<NodeFacts> out;
    for (auto& [id, node] : found) out.push_back(std::move(node));
    return out;
}

// Who begins does not serve before its peers have told it all, which they are about to.
bool begins(const NodeFacts& node) {
    if (!node.report || node.report->not_ready.empty() || is_out(node)) return false;
    return node.report->clock - node.report->self.since < kBeginning;
}

void ask_again_while_unsettled(const Asking& asking, Facts& facts) {
    for (const milliseconds wait : kAgain) {
        const bool settled = !digests_differ(facts) && !links_differ(facts);
        if (settled && std::ranges::none_of(facts.nodes, begins)) return;
        asking.world.pause(wait);
        std::vector<NodeFacts*> again;
        for (NodeFacts& node : facts.nodes) {
            if (node.report) again.push_back(&node);
        }
        ask_all(asking, again);
    }
}

// Whom one that is out of the mesh remembers, and nobody in it knows, may be long gone.
void drop_memories(Facts& facts) {
    const auto answered = reports(facts);
    if (answered.empty()) return;
    std::erase_if(facts.nodes, [&](const NodeFacts& node) {
        if (node.report) return false;
        return std::ranges::none_of(answered, [&](const mesh::NodeReport* report) {
            return peer_of(*report, node.id) != nullptr;
        });
    });
}

}  // namespace

Result<Facts> gather(const World& world, const mesh::OperatorTarget& target, Operator& first,
                     milliseconds timeout) {
    NodeFacts asked;
    take(world, first, asked);
    if (!asked.report) return fail(*asked.unreachable);
    asked.id = asked.report->self.id;
    asked.address = target.address;
    Facts facts;
    facts.asked = asked.id;
    facts.local_only = target.address.starts_with("unix:");
    const Asking asking{world, target, std::min(timeout, kAskTimeoutMax)};
    std::map<NodeId, NodeFacts> known;
    known.emplace(asked.id, std::move(asked));
    for (int wave = 0; wave < kWaves; ++wave) {
        std::vector<NodeFacts> fresh = news(known);
        std::vector<NodeFacts*> nodes;
        for (NodeFacts& node : fresh) {
            node.unreachable = {ErrorCode::kUnavailable, "it was not asked", node.address};
            nodes.push_back(&node);
        }
        if (!facts.local_only) ask_all(asking, nodes);
        for (NodeFacts& node : fresh) known.emplace(node.id, std::move(node));
        if (fresh.empty() || facts.local_only) break;
    }
    for (auto& [id, node] : known) facts.nodes.push_back(std::move(node));
    // The first report is older than the others by as long as they took to answer.
    if (!facts.local_only) ask_again_while_unsettled(asking, facts);
    drop_memories(facts);
    facts.now = world.clock();
    return facts;
}

}  // namespace vidai::cli::doctor
