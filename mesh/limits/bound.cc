// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/bound.h"

#include <algorithm>
#include <cmath>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::limits {

std::uint64_t overshoot_bound(const BoundInput& in) {
    CHECK(in.nodes > 0);
    const std::uint64_t others = in.nodes - 1;
    if (others == 0) return in.cost_max_unreserved;
    // Why (1 - 1/N): what any one node admitted while news travelled was within the limit by its
    // own count, and the node that admitted the most of it admitted at least 1/N.
    const std::uint64_t burst = (in.burst_in_delay * others + in.nodes - 1) / in.nodes;
    const auto held_back =
        static_cast<std::uint64_t>(std::ceil(in.significance * static_cast<double>(in.limit)));
    const std::uint64_t unreserved = in.nodes * in.cost_max_unreserved;
    return unreserved + in.burst_in_skew +
           std::min(others * in.limit, burst + held_back + in.lost_in_crashes);
}

std::uint64_t paced_burst(Duration delay, Duration interval, std::uint64_t cost) {
    CHECK(interval > Duration::zero() && delay >= Duration::zero());
    // A closed stretch of length d holds at most floor(d / interval) + 1 ticks.
    return (static_cast<std::uint64_t>(delay / interval) + 1) * cost;
}

}  // namespace vidai::mesh::limits
