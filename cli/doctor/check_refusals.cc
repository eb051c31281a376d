// SPDX-License-Identifier: Apache-2.0
// Who was turned away lately. Told, not judged: whoever can reach the port can be turned away, and
// what cuts off a node of this mesh is a finding of other checks.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "cli/doctor/checks.h"

namespace vidai::cli::doctor {

namespace {

constexpr std::size_t kReasonsShown = 4;  // of one node

std::string shown(const mesh::RefusalReport& refusal) {
    std::string text = refusal.reason + " " + std::to_string(refusal.count) +
                       (refusal.count == 1 ? " time" : " times");
    return refusal.last.empty() ? text : text + " (last " + refusal.last + ")";
}

}  // namespace

void check_refusals(const Facts& facts, Findings& out) {
    for (const mesh::NodeReport* report : reports(facts)) {
        if (report->refusals.empty()) continue;
        std::vector<std::string> reasons;
        for (const mesh::RefusalReport& refusal : report->refusals) {
            if (reasons.size() < kReasonsShown) reasons.push_back(shown(refusal));
        }
        if (const std::size_t more = report->refusals.size() - reasons.size(); more > 0) {
            reasons.push_back(std::to_string(more) + " other reasons");
        }
        out.push_back(
            {Severity::kInfo, "", report->self.id.str(),
             "connections turned away, on either side, in the last " +
                 span_text(mesh::kRefusalsLately) + ": " + listed(reasons),
             "Its log says more of each: mesh.peer_refused, mesh.trouble. Where it is not "
             "a node or operator of yours, keep strangers from the mesh port."});
    }
}

std::string proven_refusals(const Facts& facts) {
    const auto answered = reports(facts);
    const bool quiet = std::ranges::all_of(
        answered, [](const mesh::NodeReport* report) { return report->refusals.empty(); });
    if (answered.empty() || !quiet) return "";
    return "no connection was turned away in the last " + span_text(mesh::kRefusalsLately);
}

}  // namespace vidai::cli::doctor
