// SPDX-License-Identifier: Apache-2.0
// What a node's mesh gives its workers. Borrowed; outlives them.
#pragma once

#include <atomic>

#include "mesh/budget/budget_table.h"
#include "mesh/budget/cashier.h"
#include "mesh/limits/counter_table.h"
#include "mesh/service.h"
#include "mesh/state/key_table.h"
#include "mesh/usage/recorder.h"
#include "schema/base/snapshot.h"

namespace vidai::node::net {

struct MeshSide {
    const Snapshot<mesh::state::KeyTable>& keys;
    mesh::limits::CounterTable& counters;
    const Snapshot<mesh::budget::BudgetTable>& budgets;
    mesh::budget::Cashier& cashier;
    const std::atomic<mesh::Service>& service;
    mesh::usage::Recorder& usage;
};

}  // namespace vidai::node::net
