// SPDX-License-Identifier: Apache-2.0
#include "node/observe/latency.h"

#include <string_view>

namespace vidai::node::observe {
namespace {

struct Part {
    std::string_view name;
    Histogram EndpointMetrics::* histogram;
};
constexpr Part kParts[] = {{"total", &EndpointMetrics::total},
                           {"upstream", &EndpointMetrics::upstream},
                           {"overhead", &EndpointMetrics::overhead},
                           {"duration", &EndpointMetrics::duration}};

struct Quantile {
    std::string_view name;
    double q;
};
constexpr Quantile kQuantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}};

// Nanoseconds as microseconds with one decimal.
std::string micros(std::uint64_t nanos) {
    const std::uint64_t tenths = (nanos + 50) / 100;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

std::string part_json(const HistogramSum& sum) {
    std::string text = "{\"count\":" + std::to_string(sum.count());
    for (const Quantile& quantile : kQuantiles) {
        text += ",\"" + std::string(quantile.name) + "\":" + micros(sum.quantile(quantile.q));
    }
    return text + ",\"max\":" + micros(sum.max()) + "}";
}

}  // namespace

std::string latency_json(std::span<const WorkerMetrics* const> workers) {
    std::string endpoints;
    for (std::size_t i = 0; i < request::kEndpointCount; ++i) {
        std::string parts;
        for (const Part& part : kParts) {
            HistogramSum sum;
            for (const WorkerMetrics* worker : workers) {
                (worker->endpoints[i].*part.histogram).add_to(sum);
            }
            if (sum.count() == 0) continue;
            parts +=
                (parts.empty() ? "\"" : ",\"") + std::string(part.name) + "\":" + part_json(sum);
        }
        if (parts.empty()) continue;
        const std::string_view name = request::endpoint_name(static_cast<request::Endpoint>(i));
        endpoints += (endpoints.empty() ? "\"" : ",\"") + std::string(name) + "\":{" + parts + "}";
    }
    return "{\"unit\":\"us\",\"endpoints\":{" + endpoints + "}}\n";
}

}  // namespace vidai::node::observe
