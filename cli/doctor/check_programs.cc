// SPDX-License-Identifier: Apache-2.0
// Which programs the members run and what follows for the mesh: of those that could be asked by
// their own report, of all others that live by the signed word that gossip carries.
#include <algorithm>
#include <map>
#include <utility>

#include "cli/doctor/checks.h"
#include "mesh/capabilities.h"

namespace vidai::cli::doctor {

namespace {

struct Program {
    std::string version;
    std::uint16_t wire_min = 0, wire_max = 0;
    std::uint64_t capabilities = 0;
};
using Programs = std::map<std::string, Program>;  // by node

bool lives(const mesh::Member& member) {
    return member.status == mesh::MemberStatus::kAlive ||
           member.status == mesh::MemberStatus::kSuspect;
}

Programs programs(const Facts& facts) {
    Programs found;
    const auto answered = reports(facts);
    for (const mesh::NodeReport* report : answered) {
        found[report->self.id.str()] = {report->version, report->wire_min, report->wire_max,
                                        report->self.capabilities};
    }
    for (const mesh::NodeReport* report : answered) {
        for (const mesh::PeerReport& peer : report->peers) {
            const mesh::Member& member = peer.member;
            if (!lives(member) || member.wire_max == 0) continue;
            // Of two words the fuller one: a program that is old drops what another one said.
            const auto [at, news] = found.try_emplace(
                member.id.str(),
                Program{member.version, member.wire_min, member.wire_max, member.capabilities});
            if (news || !at->second.version.empty()) continue;
            at->second.version = member.version;
            at->second.capabilities = member.capabilities;
        }
    }
    return found;
}

void judge_wire(const Programs& all, Findings& out) {
    if (all.empty()) return;
    const auto demands =
        std::ranges::max_element(all, {}, [](const auto& node) { return node.second.wire_min; });
    const auto limits =
        std::ranges::min_element(all, {}, [](const auto& node) { return node.second.wire_max; });
    const bool equal = std::ranges::all_of(all, [&](const auto& node) {
        return node.second.wire_min == all.begin()->second.wire_min &&
               node.second.wire_max == all.begin()->second.wire_max;
    });
    const std::string oldest = std::to_string(limits->second.wire_max);
    if (demands->second.wire_min > limits->second.wire_max) {
        out.push_back({Severity::kError, "", demands->first + " <-> " + limits->first,
                       "speak no common wire version: " + demands->first + " from " +
                           std::to_string(demands->second.wire_min) + ", " + limits->first +
                           " up to " + oldest,
                       "Upgrade " + limits->first + " step by step, one minor version at a time."});
    } else if (!equal) {
        out.push_back({Severity::kWarning, "", "mesh",
                       "wire versions differ; all speak up to " + oldest,
                       "Finish the upgrade: what the newer version adds rests until then."});
    }
}

void judge_capabilities(const Programs& all, Findings& out) {
    std::uint64_t some = 0, each = ~std::uint64_t{0};
    for (const auto& [id, program] : all) {
        some |= program.capabilities;
        each &= program.capabilities;
    }
    for (unsigned bit = 0; bit < 64; ++bit) {
        const std::uint64_t mask = std::uint64_t{1} << bit;
        if ((some & mask) == 0 || (each & mask) != 0) continue;
        std::vector<std::string> without;
        for (const auto& [id, program] : all) {
            if ((program.capabilities & mask) == 0) without.push_back(id);
        }
        out.push_back({Severity::kInfo, "", "mesh",
                       "'" + mesh::capability_names(mask).front() + "' rests: " + listed(without) +
                           " cannot do it",
                       "Finish the upgrade: it is used once all members that live can."});
    }
}

}  // namespace

void check_versions(const Facts& facts, Findings& out) {
    const Programs all = programs(facts);
    judge_wire(all, out);
    judge_capabilities(all, out);
    std::map<std::string, std::vector<std::string>> by_version;
    for (const auto& [id, program] : all) {
        by_version[program.version.empty() ? "unknown" : program.version].push_back(id);
    }
    if (by_version.size() < 2) return;
    std::string parts;
    for (const auto& [version, names] : by_version) {
        parts += (parts.empty() ? "" : "; ") + version + " on " + listed(names);
    }
    out.push_back({Severity::kInfo, "", "mesh", "programs differ: " + parts,
                   "Finish the upgrade when it suits."});
}

std::string proven_versions(const Facts& facts) {
    const Programs all = programs(facts);
    if (all.empty()) return "";
    const auto& [id, program] = *all.begin();
    return "program " + program.version + " on " + id + ", wire versions " +
           std::to_string(program.wire_min) + " to " + std::to_string(program.wire_max) +
           " on all " + std::to_string(all.size()) + " that live";
}

}  // namespace vidai::cli::doctor
