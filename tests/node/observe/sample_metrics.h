// SPDX-License-Identifier: Apache-2.0
// Metrics of two workers with something in every counter, so that every family appears.
#pragma once

#include <chrono>
#include <memory>

#include "node/observe/metrics.h"
#include "node/observe/watchdog.h"

namespace vidai::node::observe {

inline std::unique_ptr<Metrics> sample_metrics() {
    using request::Endpoint;
    using std::chrono::microseconds;
    auto metrics = std::make_unique<Metrics>(2, BuildInfo{"0.1.0", "abc\"123", "RelWithDebInfo"});
    const std::uint16_t series = metrics->series().intern("fast", "openai");
    for (std::size_t i = 0; i < 2; ++i) {
        WorkerMetrics& worker = metrics->worker(i);
        worker.client_accepts.add();
        worker.client_connections.add(3);
        worker.client_connections.subtract();
        worker.response_started(Endpoint::kChatCompletions, 200, microseconds(1'500),
                                microseconds(1'400));
        worker.response_finished(Endpoint::kChatCompletions, microseconds(9'000));
        worker.response_started(Endpoint::kOther, 404, microseconds(8), Duration::zero());
        worker.attempt_done(series, Outcome::kOk, microseconds(8'000), microseconds(1'400));
        request::Usage usage;
        usage.input_uncached = {6};
        usage.cache_read = {4};
        usage.output_visible = {15};
        usage.reasoning = {5};
        worker.used(series, usage, /*priced=*/true, MicroUsd{25});
        request::Usage guess;
        guess.input_uncached = {2};
        guess.estimated = true;
        worker.used(series, guess, /*priced=*/false, MicroUsd{});
        worker.refused(Refusal::kTokenLimit);
        worker.budgets.hot.add(3);
        worker.budgets.parked.add();
        worker.budgets.waiting.add();
        worker.budgets.reserved_micro_usd.add(4'500'000);
        worker.budgets.spent_micro_usd.add(250'000);
        worker.budgets.wait.record(5'000'000);
    }
    metrics->add_source([] {
        return std::vector<MetricFamily>{{"vidai_mesh_members",
                                          "Members by state.",
                                          MetricKind::kGauge,
                                          {{{{"state", "alive"}}, 3}}}};
    });
    static const Heartbeat heart;
    static const Watchdog watchdog({{"mesh", &heart}}, std::chrono::seconds(30), MonoTime{});
    metrics->watch(watchdog);
    return metrics;
}

}  // namespace vidai::node::observe
