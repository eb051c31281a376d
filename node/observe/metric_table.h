// SPDX-License-Identifier: Apache-2.0
// The closed catalogue of the node's own metrics: what the scraper fills and what
// docs/reference/metrics.md is generated from. Constant data; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace vidai::node::observe {

enum class Metric : std::uint8_t {
    kBuildInfo,
    kRequests,
    kResponseStart,
    kUpstreamStart,
    kOverhead,
    kRequestDuration,
    kAttempts,
    kTokens,
    kUnpricedTokens,
    kEstimatedTokens,
    kCost,
    kRefusals,
    kBudgetReservations,
    kBudgetWaiting,
    kBudgetWait,
    kBudgetReserved,
    kBudgetSpent,
    kBudgetClamps,
    kBudgetCuts,
    kBudgetOverruns,
    kBudgetWouldRefuse,
    kRetries,
    kUpstreamConnections,
    kClientAccepts,
    kClientConnections,
    kClientMalformed,
    kStreams,
    kClientBytes,
    kUpstreamBytes,
    kGenAiDuration,
    kGenAiFirstToken,
    kGenAiTokens,
    kLogDropped,
    kCpu,
    kResidentBytes,
    kVirtualBytes,
    kOpenFds,
    kMaxFds,
    kThreads,
    kStartTime,
    kLoopStalls,
    kLoopStalled,
};
inline constexpr std::size_t kMetricCount = static_cast<std::size_t>(Metric::kLoopStalled) + 1;

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram };

struct MetricInfo {
    Metric metric;
    MetricType type;
    std::string_view name;
    std::string_view labels;  // comma separated
    std::string_view help;    // one sentence
};

std::span<const MetricInfo, kMetricCount> metric_table();
std::string_view metric_type_name(MetricType type);

}  // namespace vidai::node::observe
