// SPDX-License-Identifier: Apache-2.0
// What a Bank has itself, for audits. Reads alone; mesh thread.
#pragma once

#include <functional>

#include "mesh/budget/bank.h"
#include "mesh/money_books.h"

namespace vidai::mesh::rpc {

// Of one budget, or, where that is empty, of those behind `after`. `node_of`: empty for a volume
// whose node was not met. Of the answer's node the caller fills in the name.
MoneyBooks money_books(const budget::Bank& bank, const BudgetId& budget, const BudgetId& after,
                       const std::function<NodeId(const budget::LedgerKey&)>& node_of);

}  // namespace vidai::mesh::rpc
