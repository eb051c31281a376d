// SPDX-License-Identifier: Apache-2.0
// How the mesh thread shows itself: the view that workers and operators read, and the metrics.
// Pure functions of what they are given. Mesh thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "mesh/membership/membership.h"
#include "mesh/rpc/exchange.h"
#include "mesh/rpc/links.h"
#include "mesh/rpc/refusals.h"
#include "mesh/rpc/standing.h"
#include "mesh/transport/traffic.h"
#include "mesh/view.h"
#include "schema/base/metric_family.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

// Members ordered by id; `mono` and `wall` are the same instant.
std::vector<Member> show_members(const membership::Membership& core, MonoTime mono, WallTime wall);

struct MetricInputs {
    const MeshView& view;
    const membership::Counters& membership;
    std::uint32_t health = 0;
    const LinkCounters& links;
    const ExchangeCounters& exchange;
    std::size_t connections = 0;
    std::size_t live_keys = 0;
    std::uint64_t malformed = 0, saves = 0, saves_failed = 0;
    const Refusals& refusals;
    const std::array<std::uint64_t, transport::kTrafficKinds>& over_quota;  // bytes
    const Standing& standing;
};
std::vector<MetricFamily> mesh_metrics(const MetricInputs& in);
// The same families, without samples.
std::vector<MetricFamily> mesh_metric_catalogue();

}  // namespace vidai::mesh::rpc
