// SPDX-License-Identifier: Apache-2.0
// Metrics of how well this node and its peers keep up with each other: what `vidaictl mesh doctor`
// asks for once, as series. Pure functions of what they are given. Mesh thread.
#pragma once

#include <map>
#include <vector>

#include "mesh/membership/membership.h"
#include "mesh/rpc/peer_sync.h"
#include "mesh/rpc/propagation.h"
#include "mesh/transport/traffic.h"
#include "schema/base/metric_family.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

struct SyncMetricInputs {
    const membership::Counters& membership;
    const Propagation& propagation;
    std::map<NodeId, const PeerSync*> peers;  // the connected ones
    const transport::Traffic& traffic;
    WallTime certificate_until;
    MonoTime now;
};
std::vector<MetricFamily> sync_metrics(const SyncMetricInputs& in);
// The same families, without samples.
std::vector<MetricFamily> sync_metric_catalogue();

}  // namespace vidai::mesh::rpc
