// SPDX-License-Identifier: Apache-2.0
// What commands about usage share: how a time is said, and a walk over the nodes, each of which
// knows of its own calls.
#pragma once

#include <functional>

#include "cli/call.h"
#include "mesh/view.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::cli::commands {

// "24h" or "7d" ago, or a date or time in UTC; `otherwise` where the flag was not given. kUsage.
Result<WallTime> time_flag(const Call& call, const char* flag, WallTime otherwise);

// One node after the other, first the one that is asked. With the error of whom could not be asked,
// and nothing else; who has left the mesh is one of them, for its calls lie on its volume. Fails
// where the first one cannot be asked for members.
using VisitNode = std::function<void(const mesh::Member& member, Operator* node, const Error* why)>;
Result<void> visit_nodes(Call& call, const VisitNode& visit);

}  // namespace vidai::cli::commands
