// SPDX-License-Identifier: Apache-2.0
// Figures of a mesh that is not at rest: deaths that follow right upon a heal, and those declared
// of nodes that run. One thread.
#pragma once

#include <cstdint>

#include "schema/vocabulary/time.h"
#include "tests/sim/lab.h"

namespace vidai::sim {

enum class Trouble : std::uint8_t {
    kCutOff,  // the machine vanishes from the network, and reappears
    kStop,    // SIGSTOP, and SIGCONT
};

// Deaths one after the other, in meshes that each see twenty: another victim each time, one to
// three seconds after all have taken back the one before. Seconds until all others say so.
Quantiles deaths_in_turn(const Setting& setting, Trouble trouble);

struct FalseDeaths {
    std::uint32_t deaths = 0;      // lives declared dead though they went on
    double refuted_after = 0;      // seconds: until everybody had taken it back, the longest
    std::uint32_t suspicions = 0;  // all nodes', however many suspected the same life
};
// Of `setting.trials` meshes of their own, each under loss for so long.
FalseDeaths false_deaths(const Setting& setting, Duration span);

}  // namespace vidai::sim
