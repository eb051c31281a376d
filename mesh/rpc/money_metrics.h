// SPDX-License-Identifier: Apache-2.0
// Metrics of this node's part in hard budgets: what `vidaictl mesh doctor` asks for once, as
// series, and how much its journal writes. Pure functions of what they are given. Mesh thread.
#pragma once

#include <cstdint>
#include <vector>

#include "mesh/node_report.h"
#include "mesh/rpc/vault.h"
#include "schema/base/metric_family.h"

namespace vidai::mesh::rpc {

// `alerts`: as Treasury::alerts(). `vault`: null where no journal is open.
std::vector<MetricFamily> money_metrics(const MoneyReport& money, std::uint64_t alerts,
                                        const Vault* vault);
// The same families, without samples.
std::vector<MetricFamily> money_metric_catalogue();

}  // namespace vidai::mesh::rpc
