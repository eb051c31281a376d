// SPDX-License-Identifier: Apache-2.0
// The figures that hard budgets have goals for, as far as banks alone can show them: measured in
// virtual time, printed, never asserted. One thread.
#pragma once

#include "tests/sim/arguments.h"

namespace vidai::sim {

// Prints a table and writes the rows as JSON. kFailed: the file cannot be written; kSafety: a rule
// was broken that no figure is about, and none stands on that.
ExitCode write_money_figures(const Arguments& arguments);

}  // namespace vidai::sim
