// SPDX-License-Identifier: Apache-2.0
// What commands about usage share: how a time is said, and how nodes are asked for what they have.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "cli/call.h"
#include "cli/commands/usage_plan.h"
#include "mesh/view.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::cli::commands {

// "24h" or "7d" ago, or a date or time in UTC; `otherwise` where the flag was not given. kUsage.
Result<WallTime> time_flag(const Call& call, const char* flag, WallTime otherwise);

// Asks all nodes that are known, several at a time, whose calls they have; first the one that is
// asked. Fails where that one cannot be asked.
Result<UsagePlan> plan_usage(Call& call);

// Asks a node, which is named by its place in the plan, on one of several threads at once.
using AskNode = std::function<Result<void>(std::size_t node, Operator& there)>;
// Those nodes, and what came of each.
std::vector<Result<void>> ask_nodes(Call& call, const std::vector<UsagePlan::Node>& nodes,
                                    const std::vector<std::size_t>& which, const AskNode& ask);

// Of each node that did not answer: what is therefore not known, for people.
std::string missing_text(const UsagePlan& plan);

}  // namespace vidai::cli::commands
