// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/usage_plan.h"

#include <algorithm>
#include <utility>

namespace vidai::cli::commands {

using mesh::usage::Numbers;
using mesh::usage::Part;
using mesh::usage::Span;

std::vector<UsagePlan::Parts> UsagePlan::parts() const {
    std::map<std::string, Numbers> taken = answered_;
    std::vector<Parts> parts(nodes_.size());
    for (const bool own : {true, false}) {
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            if (!nodes_[i].has) continue;
            for (const auto& holding : nodes_[i].has->holdings) {
                if ((holding.origin == nodes_[i].has->origin) != own) continue;
                Numbers& numbers = taken[holding.origin];
                for (const Span& run : holding.held.spans()) {
                    for (const Span& gap : numbers.lacking(run)) {
                        parts[i].push_back({holding.origin, gap});
                    }
                    numbers.insert(run);
                }
            }
        }
    }
    return parts;
}

void UsagePlan::answered(const Part& part) {
    answered_[part.origin].insert(part.span);
}

void UsagePlan::failed(std::size_t node, Error why) {
    nodes_[node].has.reset();
    nodes_[node].why = std::move(why);
}

NodeId UsagePlan::maker(const std::string& origin) const {
    for (const Node& node : nodes_) {
        if (!node.has) continue;
        for (const auto& holding : node.has->holdings) {
            if (holding.origin == origin && !holding.node.empty()) return holding.node;
        }
    }
    return {};
}

std::uint64_t UsagePlan::copied(const NodeId& node) const {
    std::uint64_t last = 0;
    for (const Node& other : nodes_) {
        if (!other.has) continue;
        for (const auto& holding : other.has->holdings) {
            if (holding.node != node || holding.held.empty()) continue;
            last = std::max(last, holding.held.spans().back().through);
        }
    }
    return last;
}

}  // namespace vidai::cli::commands
