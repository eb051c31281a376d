// SPDX-License-Identifier: Apache-2.0
// The figures that mesh.md sets goals for, as far as bare cores can show them: measured in virtual
// time with default options, printed, never asserted. One thread.
#pragma once

#include "tests/sim/arguments.h"

namespace vidai::sim {

// Prints a table and writes the rows as JSON; creates the folder. False if that failed.
bool write_figures(const Arguments& arguments);

}  // namespace vidai::sim
