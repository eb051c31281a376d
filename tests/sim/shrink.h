// SPDX-License-Identifier: Apache-2.0
// Makes a failure small enough to be understood: leaves out what it does not need, by delta
// debugging (Zeller and Hildebrandt 2002) over the faults, and keeps a step only while the same
// rule is broken. One thread.
#pragma once

#include <cstdint>
#include <string>

#include "mesh/membership/options.h"
#include "tests/sim/plan.h"

namespace vidai::sim {

struct Shrunk {
    Trim trim;
    std::size_t faults = 0;  // that are left
    std::uint32_t runs = 0;  // it took, at most `runs_max`
};
Shrunk shrink(std::uint64_t seed, const Trim& failing, const std::string& rule,
              const mesh::membership::Options& options, std::uint32_t runs_max);

}  // namespace vidai::sim
