// SPDX-License-Identifier: Apache-2.0
// Who is to answer for which calls, so that each counts once whoever has a copy of it: a call's own
// node where it answers, else any other that has it. A node that fails later is left out, and
// others are asked for what it had. Pure; one thread.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mesh/operator.h"
#include "mesh/usage/numbers.h"
#include "mesh/usage/sheet.h"
#include "mesh/view.h"

namespace vidai::cli::commands {

class UsagePlan {
  public:
    struct Node {
        mesh::Member member;
        std::optional<mesh::UsageHoldings> has;  // nothing: it did not say, or failed later
        Error why{};                             // and this is why
    };
    using Parts = std::vector<mesh::usage::Part>;

    explicit UsagePlan(std::vector<Node> nodes) : nodes_(std::move(nodes)) {}

    const std::vector<Node>& nodes() const { return nodes_; }
    // What each node is to be asked for, in their order, of what nobody has answered for yet; no
    // part twice.
    std::vector<Parts> parts() const;
    void answered(const mesh::usage::Part& part);
    void failed(std::size_t node, Error why);
    NodeId maker(const std::string& origin) const;  // whose volume it is or was; empty: not known
    // Up to which number calls of that node are in it, from others' copies; zero: none.
    std::uint64_t copied(const NodeId& node) const;

  private:
    std::vector<Node> nodes_;
    std::map<std::string, mesh::usage::Numbers> answered_;  // by origin
};

}  // namespace vidai::cli::commands
