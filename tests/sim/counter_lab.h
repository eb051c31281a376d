// SPDX-License-Identifier: Apache-2.0
// Counters in a mesh where nothing goes wrong, for figures. One thread.
#pragma once

#include <vector>

#include "schema/vocabulary/time.h"
#include "tests/sim/lab.h"

namespace vidai::sim {

// One request is admitted, by each node in turn: seconds until all others count it.
std::vector<double> counter_times(const Setting& setting);
// Each node has counted one request: what a node sends in a second of `span` after that.
double bytes_after_counts(const Setting& setting, Duration span);

}  // namespace vidai::sim
