// SPDX-License-Identifier: Apache-2.0
// Makes a failure small enough to be understood: leaves out what it does not need, by delta
// debugging (Zeller and Hildebrandt 2002) over the faults, and keeps a step only while the same
// rule is broken. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "tests/sim/plan.h"

namespace vidai::sim {

struct Shrunk {
    Trim trim;
    std::size_t faults = 0;  // that are left
    std::uint32_t runs = 0;  // it took, at most `runs_max`
};
// Runs the seed so trimmed, and says which rule is broken; empty: none.
using Trial = std::function<std::string(const Trim& trim)>;
using Switch = bool Trim::*;
// `faults`: how many there are when none is left out. `switches`: to be tried first, in order.
Shrunk shrink(const Trim& failing, std::size_t faults, const std::string& rule, const Trial& trial,
              std::uint32_t runs_max, std::span<const Switch> switches);

}  // namespace vidai::sim
