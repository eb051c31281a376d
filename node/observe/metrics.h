// SPDX-License-Identifier: Apache-2.0
// Metrics of the whole node: owns each worker's counters and, when asked, sums them into a
// Prometheus exposition and the /latency document, off the workers. Main thread constructs; any
// thread reads; a worker touches only its own WorkerMetrics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "node/observe/log.h"
#include "node/observe/series.h"
#include "node/observe/watchdog.h"
#include "node/observe/worker_metrics.h"
#include "schema/base/metric_family.h"

namespace vidai::node::observe {

struct BuildInfo {
    std::string version, revision, build_type;
};

// Called at each scrape, on the scraper's thread; must not block.
using FamilySource = std::function<std::vector<MetricFamily>()>;

class Metrics {
  public:
    Metrics(std::size_t workers, BuildInfo build);
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    WorkerMetrics& worker(std::size_t index);  // stays where it is
    SeriesTable& series();

    // Whose dropped lines to count; the log outlives this. Before the first scrape.
    void watch(const Log& log);
    void watch(const Watchdog& watchdog);  // likewise
    // Further families, such as the mesh's. Before the first scrape.
    void add_source(FamilySource source);

    std::string prometheus_text() const;  // text format 0.0.4
    std::string latency_json() const;     // microseconds; see latency.h

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// docs/reference/metrics.md, whole; `mesh`: the families that the mesh adds, without samples.
std::string metrics_markdown(const std::vector<MetricFamily>& mesh);

}  // namespace vidai::node::observe
