// SPDX-License-Identifier: Apache-2.0
// A node's record of usage: where it lies on the volume, and its metrics. Blocking; the thread that
// starts the mesh.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "mesh/mesh.h"
#include "mesh/operator.h"
#include "mesh/rpc/startup.h"
#include "mesh/usage/recorder.h"
#include "schema/base/metric_family.h"

namespace vidai::mesh::rpc {

// Always a recorder: where the volume has no key or does not take the folder, it counts what it is
// given as lost, and the sink is told why. A node serves also when it cannot account for it.
std::unique_ptr<usage::Recorder> open_usage(const Startup& startup, const NoticeSink& sink);

// DATA_DIR/usage.
std::string usage_archive(const Startup& startup);

// Its own part of the answer to who holds what. Blocking, as below.
Result<UsageHoldings> own_usage(const Startup& startup, usage::Recorder& recorder);
// The calls of the query's parts, or that this node made. Blocking: once what has been recorded is
// written, reads the files. Any thread but the recorder's.
Result<UsageSheet> sum_usage(const Startup& startup, usage::Recorder& recorder, usage::Query query,
                             const std::stop_token& stop);
// One by one, at most UsagePage::kEventsMax.
Result<UsagePage> find_usage(const Startup& startup, usage::Recorder& recorder,
                             const usage::Search& search, const std::stop_token& stop);

struct CorrectionOrder {
    WallTime since, until;
    std::string origin;  // empty: whoever this node is
    bool dry_run = false;
};
// Corrects the costs of calls that this node made. Blocking; at most kCorrectedMax at a time. kIo
// where the disk did not take it; kConflict where the order is for another volume.
Result<UsageCorrection> correct_usage(const Startup& startup, usage::Recorder& recorder,
                                      const CorrectionOrder& order, const usage::Judge& judge,
                                      const std::stop_token& stop);

// Any thread.
std::vector<MetricFamily> usage_metrics(const usage::Counts& counts);
// The same families, without samples.
std::vector<MetricFamily> usage_metric_catalogue();

}  // namespace vidai::mesh::rpc
