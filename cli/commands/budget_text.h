// SPDX-License-Identifier: Apache-2.0
// How a budget is shown, which several commands need, and how it is named. Pure; any thread.
#pragma once

#include <string>

#include "cli/call.h"
#include "cli/print/answer.h"
#include "mesh/operator.h"

namespace vidai::cli::commands {

Result<BudgetId> budget_argument(const Call& call);  // the first one; kUsage

print::Value budget_value(const mesh::BudgetStanding& budget);
void add_fields(const mesh::BudgetStanding& budget, print::Answer& answer);
bool has_windows(const mesh::BudgetStanding& budget);
print::Cell renewal_cell(const mesh::BudgetStanding& budget);
MicroUsd in_force(const mesh::BudgetStanding& budget);  // its limit, with top-ups

}  // namespace vidai::cli::commands
