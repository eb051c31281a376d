// SPDX-License-Identifier: Apache-2.0
// Metrics as plain values, so that whoever counts needs no metrics library: the mesh hands these
// to the node, and node/observe alone turns them into an exposition. Names and labels follow
// Prometheus: `vidai_<noun>_<unit>`, counters end in `_total`. Values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace vidai {

enum class MetricKind : std::uint8_t { kCounter, kGauge, kHistogram };

struct MetricSample {
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;  // of a histogram: the sum of what was observed
    // Of a histogram: upper bounds with how many were at or below, and how many there were in all.
    std::vector<std::pair<double, std::uint64_t>> buckets{};
    std::uint64_t count = 0;
};

struct MetricFamily {
    std::string name;
    std::string help;  // one sentence
    MetricKind kind = MetricKind::kCounter;
    std::vector<MetricSample> samples;
    std::string labels{};  // their names for the documentation: "peer, kind"
};

}  // namespace vidai
