// SPDX-License-Identifier: Apache-2.0
// The /latency document: how long requests took, exactly enough (3.1 %) to compare runs.
// Any thread.
#pragma once

#include <span>
#include <string>

#include "node/observe/worker_metrics.h"

namespace vidai::node::observe {

// {"unit":"us","endpoints":{"chat_completions":{"total":{"count":7,"p50":12.3,"p90":...,"p95":...,
//  "p99":...,"p99.9":...,"max":...},"upstream":{...},"overhead":{...},"duration":{...}}}}
// for the endpoints that were asked for. total and upstream are Server-Timing's, overhead their
// difference request by request, duration lasts to the last byte.
std::string latency_json(std::span<const WorkerMetrics* const> workers);

}  // namespace vidai::node::observe
