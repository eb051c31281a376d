// SPDX-License-Identifier: Apache-2.0
// The meeting place of the mesh thread and everybody else; nothing else is touched by both.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "mesh/budget/asks.h"
#include "mesh/budget/budget_table.h"
#include "mesh/limits/counter_table.h"
#include "mesh/operator.h"
#include "mesh/pricing/rate_card.h"
#include "mesh/service.h"
#include "mesh/state/key_table.h"
#include "mesh/usage/recorder.h"
#include "mesh/view.h"
#include "schema/base/heartbeat.h"
#include "schema/base/mailbox.h"
#include "schema/base/metric_family.h"
#include "schema/base/snapshot.h"

namespace vidai::mesh::rpc {

// A door that opens once.
class Gate {
  public:
    void open() {
        {
            const std::lock_guard lock(mutex_);
            open_ = true;
        }
        opened_.notify_all();
    }
    bool wait_for(std::chrono::milliseconds limit) {
        std::unique_lock lock(mutex_);
        return opened_.wait_for(lock, limit, [this]() { return open_; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable opened_;
    bool open_ = false;
};

enum class Command : std::uint8_t { kJoin, kLeave, kStop };

struct Shared {
    Snapshot<state::KeyTable> keys{std::make_shared<const state::KeyTable>()};
    Snapshot<MeshView> view{std::make_shared<const MeshView>()};
    Snapshot<std::vector<MetricFamily>> metrics;
    Snapshot<std::string> not_ready{std::make_shared<const std::string>()};
    std::atomic<Service> service{Service::kStarting};  // why not: not_ready
    Snapshot<std::string> must_stop{std::make_shared<const std::string>()};
    limits::CounterTable counters;
    Snapshot<budget::BudgetTable> budgets{std::make_shared<const budget::BudgetTable>()};
    budget::Asks asks;
    Snapshot<pricing::RateCard> applied_card{std::make_shared<const pricing::RateCard>()};
    Snapshot<usage::Pricer> pricer{std::make_shared<const usage::Pricer>()};
    Snapshot<OwnCard> own_card{std::make_shared<const OwnCard>()};
    usage::Recorder* usage = nullptr;  // outlives the mesh thread; none in the simulator
    Heartbeat heart;                   // of the mesh thread
    Mailbox<Command> commands{8};
    std::atomic<std::int64_t> drain_grace_ms{-1};  // -1: no operator asked for a drain
    Gate started, joined, left;

    explicit Shared(std::vector<MetricFamily> catalogue)
        : metrics(std::make_shared<const std::vector<MetricFamily>>(std::move(catalogue))) {}
};

}  // namespace vidai::mesh::rpc
