// SPDX-License-Identifier: Apache-2.0
// VIDAI_MUTANT("name") guards a deliberate bug. In every ordinary build it is the constant false
// and leaves no trace; where the simulator's mutants are compiled (VIDAI_MUTANTS) it is true for
// the one mutant that the command line chose. A simulator that does not catch them has no teeth.
// Set once at start; one thread.
#pragma once

#ifdef VIDAI_MUTANTS
#include <string_view>

namespace vidai {
inline std::string_view active_mutant;
}  // namespace vidai

#define VIDAI_MUTANT(name) (::vidai::active_mutant == (name))
#else
#define VIDAI_MUTANT(name) false
#endif
