// SPDX-License-Identifier: Apache-2.0
// All states of a scenario, each once, depth first; or many random walks where there are too many.
// Every so many states faults end, and what is left of the budget must be there to be spent. One
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/explore/scenario.h"
#include "tests/explore/world.h"

namespace vidai::explore {

struct Bounds {
    std::uint64_t states_max = 0;  // 0: none
    std::uint64_t walks = 0;
    std::uint64_t seed = 1;
    std::uint64_t heal_every = 53;
};
struct Found {
    std::uint64_t states = 0, transitions = 0, healed = 0;
    bool exhausted = false;
    std::string broken;         // empty: nothing
    std::vector<Action> steps;  // to there
};

Found exhaust(const Scenario& scenario, const Bounds& bounds);
Found walk(const Scenario& scenario, const Bounds& bounds);

}  // namespace vidai::explore
