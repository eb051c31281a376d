// SPDX-License-Identifier: Apache-2.0
// What an exchange finds in the house: the configuration as its worker holds it, and the state of
// the rooms that have some. One of each per worker, on its thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mesh/budget/budget_table.h"
#include "mesh/budget/cashier.h"
#include "mesh/limits/counter_table.h"
#include "mesh/service.h"
#include "mesh/state/key_table.h"
#include "mesh/usage/recorder.h"
#include "node/dialect/openai_chat/request.h"
#include "node/observe/log.h"
#include "node/observe/worker_metrics.h"
#include "node/providers/provider.h"
#include "node/route/route_table.h"
#include "node/upstream/health.h"
#include "schema/base/rng.h"
#include "schema/base/secret.h"
#include "schema/base/snapshot.h"
#include "schema/vocabulary/time.h"

namespace vidai::node::exchange {

// What a reload replaces. Immutable, shared by all workers.
struct Runtime {
    Runtime(route::RouteTable table, std::vector<providers::Provider> list, WallTime loaded);

    route::RouteTable routes;
    std::vector<providers::Provider> providers;
    // By provider: the lines of every request to it, credential included.
    std::vector<Secret> preambles;
    std::int64_t created;  // seconds since 1970: when it was loaded, shown by /v1/models
};

// One worker's share of a Runtime. Exchanges hold it until they end.
struct LocalRuntime {
    explicit LocalRuntime(std::shared_ptr<const Runtime> runtime)
        : shared(std::move(runtime)),
          health(std::make_shared<upstream::Health>(shared->routes.endpoints())) {}
    // The same routes and providers at other prices: what is known of them holds.
    LocalRuntime(const LocalRuntime& before, std::shared_ptr<const Runtime> repriced)
        : shared(std::move(repriced)), health(before.health) {}
    std::shared_ptr<const Runtime> shared;
    std::shared_ptr<upstream::Health> health;  // never null
};

struct Rooms {
    SnapshotReader<mesh::state::KeyTable>& keys;
    mesh::limits::CounterTable& counters;
    SnapshotReader<mesh::budget::BudgetTable>& budgets;
    mesh::budget::Cashier& cashier;
    mesh::usage::Recorder& usage;
    observe::WorkerMetrics& metrics;
    observe::Log& log;
    MonoTime (*mono_now)();  // the worker's clock, for the times between two rooms
    dialect::openai_chat::RequestReader reader;
    Rng rng;
    const std::atomic<mesh::Service>& service;  // of the node: what /readyz answers
    bool draining = false;                      // every answer says `connection: close`
};

}  // namespace vidai::node::exchange
