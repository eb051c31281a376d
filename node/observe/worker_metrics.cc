// SPDX-License-Identifier: Apache-2.0
#include "node/observe/worker_metrics.h"

#include "schema/vocabulary/check.h"

namespace vidai::node::observe {
namespace {

std::uint64_t count_of(Duration duration) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration.count()));
}
std::uint64_t count_of(std::int64_t value) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, value));
}

}  // namespace

void WorkerMetrics::response_started(request::Endpoint endpoint, unsigned status, Duration total,
                                     Duration upstream) {
    EndpointMetrics& metrics = endpoints[static_cast<std::size_t>(endpoint)];
    const unsigned status_class = status / 100;
    metrics.status[status_class < metrics.status.size() ? status_class : 0].add();
    metrics.total.record(count_of(total));
    metrics.overhead.record(count_of(total - upstream));
    if (upstream > Duration::zero()) metrics.upstream.record(count_of(upstream));
}

void WorkerMetrics::response_finished(request::Endpoint endpoint, Duration duration) {
    endpoints[static_cast<std::size_t>(endpoint)].duration.record(count_of(duration));
}

void WorkerMetrics::attempt_done(std::uint16_t series, Outcome outcome, Duration duration,
                                 Duration first_byte) {
    CHECK(series < targets.size());
    TargetMetrics& target = targets[series];
    target.attempts[static_cast<std::size_t>(outcome)].add();
    target.duration.record(kDurationBounds, count_of(duration));
    if (first_byte > Duration::zero()) {
        target.first_token.record(kFirstTokenBounds, count_of(first_byte));
    }
}

void WorkerMetrics::used(std::uint16_t series, const request::Usage& usage, bool priced,
                         MicroUsd cost) {
    CHECK(series < targets.size());
    TargetMetrics& target = targets[series];
    const std::uint64_t input = count_of(usage.input().value);
    const std::uint64_t output = count_of(usage.output().value);
    target.input_tokens.add(input);
    target.cached_input_tokens.add(count_of(usage.cache_read.value));
    target.output_tokens.add(output);
    target.reasoning_tokens.add(count_of(usage.reasoning.value));
    target.input_sizes.record(kTokenBounds, input);
    target.output_sizes.record(kTokenBounds, output);
    if (usage.estimated) target.estimated_tokens.add(input + output);
    if (priced) {
        target.cost_micro_usd.add(count_of(cost.value));
    } else {
        target.unpriced_tokens.add(input + output);
    }
}

}  // namespace vidai::node::observe
