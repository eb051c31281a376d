// SPDX-License-Identifier: Apache-2.0
// By how much a mesh-wide soft limit may be exceeded: the published bound of mode `optimistic`,
// for one run. Nodes decide on what they have heard; what arrives while news travels is the price.
// Pure; any thread.
#pragma once

#include <cstdint>

#include "schema/vocabulary/time.h"

namespace vidai::mesh::limits {

struct BoundInput {
    std::uint32_t nodes = 1;  // lives of nodes that counted, those that have crashed included
    std::uint64_t limit = 0;
    // B(D'): the most cost that arrived, at all nodes together, in any stretch of D' of the run;
    // D' = coalescing + propagation. A mean rate x D' is an estimate, not a bound.
    std::uint64_t burst_in_delay = 0;
    // B(skew): the same for the greatest difference between two nodes' clocks.
    std::uint64_t burst_in_skew = 0;
    double significance = 0;  // as in StoreOptions
    // Cost charged after the fact by one request beyond what it reserved; 0 for requests.
    std::uint64_t cost_max_unreserved = 0;
    // What crashed nodes had admitted and not pushed: the sum of R_i x D over crashes.
    std::uint64_t lost_in_crashes = 0;
};

// Overshoot <= min(B(D') (1 - 1/N) + significance x L + crashes, (N - 1) L) + B(skew) + N c_max,
// the minimum because each node alone enforces L, by its own clock. Rounded up; 0 for one node that
// reserves.
std::uint64_t overshoot_bound(const BoundInput& input);

// The most that arrives in `delay` when requests of `cost` are paced `interval` apart. What
// `limit show` and the demo put in for B, because they know the pace.
std::uint64_t paced_burst(Duration delay, Duration interval, std::uint64_t cost = 1);

}  // namespace vidai::mesh::limits
