// SPDX-License-Identifier: Apache-2.0
// What a webhook is told of a budget that has reached a threshold. Pure; any thread.
#pragma once

#include <string>

#include "mesh/mesh.h"
#include "schema/vocabulary/time.h"

namespace vidai::node {

// JSON, of a notice of kind kBudgetThreshold. `id` in it is the same whoever says it, and of no
// other threshold.
std::string threshold_json(const mesh::Notice& notice, WallTime now);

}  // namespace vidai::node
