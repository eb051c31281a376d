// SPDX-License-Identifier: Apache-2.0
#include "node/observe/metric_table.h"

#include <array>
#include <string>

#include "node/observe/metrics.h"

namespace vidai::node::observe {
namespace {

static_assert(static_cast<int>(MetricKind::kHistogram) == static_cast<int>(MetricType::kHistogram),
              "the two enums name the same types in the same order");

constexpr MetricType kCounter = MetricType::kCounter, kGauge = MetricType::kGauge,
                     kHistogram = MetricType::kHistogram;
constexpr std::string_view kTarget = "model, provider";
constexpr std::string_view kGenAi =
    "gen_ai_operation_name, gen_ai_provider_name, gen_ai_request_model";

constexpr std::array<MetricInfo, kMetricCount> kMetrics = {{
    {Metric::kBuildInfo, kGauge, "vidai_build_info", "version, revision, build_type",
     "Always 1; the labels say what is running."},
    {Metric::kRequests, kCounter, "vidai_requests_total", "endpoint, code",
     "Requests answered, by class of the status."},
    {Metric::kResponseStart, kHistogram, "vidai_response_start_seconds", "endpoint",
     "From the receipt of the whole request to just before the first byte of the response."},
    {Metric::kUpstreamStart, kHistogram, "vidai_upstream_response_start_seconds", "endpoint",
     "The part of it spent waiting for the provider: from just before the send to its first byte."},
    {Metric::kOverhead, kHistogram, "vidai_overhead_seconds", "endpoint",
     "What this node added: the one minus the other, request by request."},
    {Metric::kRequestDuration, kHistogram, "vidai_request_duration_seconds", "endpoint",
     "From the receipt of the whole request to the last byte of the response, streams included."},
    {Metric::kAttempts, kCounter, "vidai_upstream_attempts_total", "model, provider, outcome",
     "Provider calls by how they ended."},
    {Metric::kTokens, kCounter, "vidai_tokens_total", "model, provider, type",
     "Tokens by type; cached_input is part of input, reasoning is part of output."},
    {Metric::kUnpricedTokens, kCounter, "vidai_unpriced_tokens_total", kTarget,
     "Tokens of targets without a configured price, which cost nothing here."},
    {Metric::kEstimatedTokens, kCounter, "vidai_estimated_tokens_total", kTarget,
     "Tokens estimated because the provider did not say; part of vidai_tokens_total."},
    {Metric::kCost, kCounter, "vidai_cost_usd_total", kTarget, "Dollars by the configured prices."},
    {Metric::kRefusals, kCounter, "vidai_refusals_total", "reason",
     "Requests refused before a provider was called."},
    {Metric::kBudgetReservations, kCounter, "vidai_budget_reservations_total", "how",
     "Requests under hard budgets: hot (covered at once by what this node held), parked (waited "
     "for money, whatever came of it) or crowded (too many waited already)."},
    {Metric::kBudgetWaiting, kGauge, "vidai_budget_waiting", "",
     "Requests that wait for money now."},
    {Metric::kBudgetWait, kHistogram, "vidai_budget_wait_seconds", "",
     "How long requests waited for money, also those in vain."},
    {Metric::kBudgetReserved, kCounter, "vidai_budget_reserved_usd_total", "",
     "Dollars reserved in hard budgets, each request once whatever number of budgets it is under."},
    {Metric::kBudgetSpent, kCounter, "vidai_budget_spent_usd_total", "",
     "Dollars of it that were spent, or may have been."},
    {Metric::kBudgetClamps, kCounter, "vidai_budget_clamps_total", "",
     "Requests whose answer was bounded to what their budgets could pay for."},
    {Metric::kBudgetCuts, kCounter, "vidai_budget_cuts_total", "",
     "Streams that the gateway ended because they passed what was reserved for them: a provider "
     "pays no regard to the bound of the output."},
    {Metric::kBudgetOverruns, kCounter, "vidai_budget_overruns_total", "",
     "Requests that cost more than was reserved for them: a price or a bound is wrong."},
    {Metric::kBudgetWouldRefuse, kCounter, "vidai_budget_would_refuse_total", "reason",
     "Requests that a budget which is only observed would have refused: exhausted, busy or "
     "unavailable. `vidaictl budget show` counts them by budget."},
    {Metric::kRetries, kCounter, "vidai_retries_total", "",
     "Provider calls after the first of a request."},
    {Metric::kUpstreamConnections, kCounter, "vidai_upstream_connections_total", "kind",
     "Connections taken for a provider call: new or reused."},
    {Metric::kClientAccepts, kCounter, "vidai_client_accepts_total", "",
     "Client connections accepted."},
    {Metric::kClientConnections, kGauge, "vidai_client_connections", "",
     "Client connections open now."},
    {Metric::kClientMalformed, kCounter, "vidai_client_malformed_total", "",
     "Client connections closed because their HTTP could not be read."},
    {Metric::kStreams, kGauge, "vidai_streams", "", "Event streams being relayed now."},
    {Metric::kClientBytes, kCounter, "vidai_client_bytes_total", "direction",
     "Bytes received from and sent to clients."},
    {Metric::kUpstreamBytes, kCounter, "vidai_upstream_bytes_total", "direction",
     "Bytes received from and sent to providers."},
    {Metric::kGenAiDuration, kHistogram, "gen_ai_client_operation_duration_seconds", kGenAi,
     "Whole provider calls (OpenTelemetry gen_ai.client.operation.duration)."},
    {Metric::kGenAiFirstToken, kHistogram, "gen_ai_server_time_to_first_token_seconds", kGenAi,
     "From the send to the first byte of the answer (OpenTelemetry "
     "gen_ai.server.time_to_first_token)."},
    {Metric::kGenAiTokens, kHistogram, "gen_ai_client_token_usage",
     "gen_ai_operation_name, gen_ai_provider_name, gen_ai_request_model, gen_ai_token_type",
     "Tokens per request (OpenTelemetry gen_ai.client.token.usage)."},
    {Metric::kLogDropped, kCounter, "vidai_log_lines_dropped_total", "",
     "Log lines lost because standard error was read too slowly."},
    {Metric::kCpu, kCounter, "process_cpu_seconds_total", "",
     "User and system time of the process."},
    {Metric::kResidentBytes, kGauge, "process_resident_memory_bytes", "",
     "Memory of the process that is in RAM."},
    {Metric::kVirtualBytes, kGauge, "process_virtual_memory_bytes", "",
     "Address space of the process."},
    {Metric::kOpenFds, kGauge, "process_open_fds", "", "Open file descriptors."},
    {Metric::kMaxFds, kGauge, "process_max_fds", "", "Most file descriptors the process may open."},
    {Metric::kThreads, kGauge, "process_threads", "", "Threads of the process."},
    {Metric::kStartTime, kGauge, "process_start_time_seconds", "",
     "When the process started, in seconds since 1970."},
    {Metric::kLoopStalls, kCounter, "vidai_loop_stalls_total", "loop",
     "Times an event loop (a worker's or the mesh's) stood still for over a second."},
    {Metric::kLoopStalled, kGauge, "vidai_loop_stalled_seconds", "loop",
     "For how long an event loop has been standing still; 0 while it runs."},
}};

constexpr bool in_order() {
    for (std::size_t i = 0; i < kMetrics.size(); ++i) {
        if (static_cast<std::size_t>(kMetrics[i].metric) != i) return false;
    }
    return true;
}
static_assert(in_order(), "the table's rows follow the enum");

}  // namespace

std::span<const MetricInfo, kMetricCount> metric_table() {
    return kMetrics;
}

std::string_view metric_type_name(MetricType type) {
    constexpr std::string_view kNames[] = {"counter", "gauge", "histogram"};
    return kNames[static_cast<std::size_t>(type)];
}

namespace {

std::string row(std::string_view name, std::string_view type, std::string_view labels,
                std::string_view help) {
    return "| `" + std::string(name) + "` | " + std::string(type) + " | " + std::string(labels) +
           " | " + std::string(help) + " |\n";
}

constexpr std::string_view kHead = "| metric | type | labels | meaning |\n|---|---|---|---|\n";

}  // namespace

std::string metrics_markdown(const std::vector<MetricFamily>& mesh) {
    std::string text =
        "# Metrics\n\n"
        "Generated from `node/observe/metric_table.cc` and `mesh/rpc`; do not edit. "
        "`GET /metrics` on\nthe admin listener answers them in the Prometheus text format. Label "
        "values come from the\nconfiguration, the mesh and closed lists, never from a client: "
        "`model` is an alias, and beyond\n256 pairs of alias and provider the rest count as "
        "`other`. Keys and users are never labels. A\nhistogram appears with its first value.\n"
        "[Monitoring](../operating/monitoring.md) says what to look at, with a dashboard and "
        "alerts.\n\n## The node\n\n" +
        std::string(kHead);
    for (const MetricInfo& metric : kMetrics) {
        text += row(metric.name, metric_type_name(metric.type), metric.labels, metric.help);
    }
    text +=
        "\n## The mesh\n\nOnce a second. The first 64 peers of a process's life have series of "
        "their own under\n`peer`, all further ones share `other`.\n\n" +
        std::string(kHead);
    for (const MetricFamily& family : mesh) {
        text += row(family.name, metric_type_name(static_cast<MetricType>(family.kind)),
                    family.labels, family.help);
    }
    return text;
}

}  // namespace vidai::node::observe
