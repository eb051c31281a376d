// SPDX-License-Identifier: Apache-2.0
#include "node/alerts.h"

#include "schema/vocabulary/check.h"

namespace vidai::node {

// Names of budgets and nodes have no character that JSON would want escaped.
std::string threshold_json(const mesh::Notice& notice, WallTime now) {
    CHECK(notice.threshold.has_value());
    const mesh::Notice::Threshold& at = *notice.threshold;
    const std::string percent = std::to_string(at.percent);
    return "{\"event\":\"budget.threshold\",\"id\":\"" + notice.subject + "/" +
           std::to_string(at.window) + "/" + percent + "\",\"budget\":\"" + notice.subject +
           "\",\"percent\":" + percent + ",\"limit_micro_usd\":" + std::to_string(at.limit.value) +
           ",\"used_micro_usd\":" + std::to_string(at.used.value) + ",\"node\":\"" + at.node +
           "\",\"time_ms\":" + std::to_string(now.time_since_epoch().count()) + "}";
}

}  // namespace vidai::node
