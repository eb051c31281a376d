// SPDX-License-Identifier: Apache-2.0
// Asks every node of the mesh for its report, all at once as far as kAskedAtOnce allows, so that
// their register digests are of one time; again where they differ, because a rumor may have been
// under way. Writes nothing anywhere. Blocks; main thread, with helpers of its own.
#pragma once

#include <chrono>
#include <cstddef>

#include "cli/doctor/facts.h"
#include "cli/world.h"
#include "mesh/operator.h"
#include "schema/vocabulary/result.h"

namespace vidai::cli::doctor {

inline constexpr std::size_t kAskedAtOnce = 16;
inline constexpr std::chrono::milliseconds kAskTimeoutMax{3'000};  // of one node, per step

// `first`: of the node that `target` names; the errors of its report() otherwise.
Result<Facts> gather(const World& world, const mesh::OperatorTarget& target, Operator& first,
                     std::chrono::milliseconds timeout);

}  // namespace vidai::cli::doctor
