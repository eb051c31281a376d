// SPDX-License-Identifier: Apache-2.0
// Whom the nodes believe, and who of them can certify others.
#include <map>
#include <string>
#include <vector>

#include "cli/doctor/checks.h"
#include "mesh/node_report.h"

namespace vidai::cli::doctor {

namespace {

// Those whose program says; by the newest root that they know.
std::map<std::string, std::vector<std::string>> by_root(const Facts& facts) {
    std::map<std::string, std::vector<std::string>> roots;
    for (const mesh::NodeReport* report : reports(facts)) {
        if (!report->root.empty()) roots[report->root].push_back(report->self.id.str());
    }
    return roots;
}

std::vector<std::string> issuers(const Facts& facts) {
    std::vector<std::string> names;
    for (const mesh::NodeReport* report : reports(facts)) {
        if (report->issuer) names.push_back(report->self.id.str());
    }
    return names;
}

bool all_say(const Facts& facts) {
    const auto answered = reports(facts);
    for (const mesh::NodeReport* report : answered) {
        if (report->root.empty()) return false;
    }
    return !answered.empty() && answered.size() == facts.nodes.size();
}

}  // namespace

void check_roots(const Facts& facts, Findings& out) {
    const auto roots = by_root(facts);
    if (roots.size() > 1) {
        std::string parts;
        for (const auto& [root, names] : roots) {
            parts += (parts.empty() ? "" : "; ") + root.substr(0, 8) + " on " + listed(names);
        }
        out.push_back({Severity::kError, "", "mesh", "nodes go by different roots: " + parts,
                       "If the root was rolled over just now, ask again in some seconds; else see "
                       "their logs for root_fork."});
    }
    for (const mesh::NodeReport* report : reports(facts)) {
        if (report->root.empty() || report->certified_root == report->root) continue;
        out.push_back({Severity::kWarning, "", report->self.id.str(),
                       "is certified under an old root",
                       "It asks for a new certificate by itself where a node holds an issuer key "
                       "under the new root; with an issuer file of its own, replace that."});
    }
    if (all_say(facts) && issuers(facts).empty()) {
        out.push_back({Severity::kError, "", "mesh",
                       "no node holds an issuer key that is good under the newest root",
                       "Give one of them issuer.key (mesh.issuer_file): without it no certificate "
                       "is renewed and nobody can join."});
    }
}

std::string proven_roots(const Facts& facts) {
    const auto names = issuers(facts);
    if (names.empty()) return "";
    return "all go by one root; " + listed(names) + " can certify nodes";
}

}  // namespace vidai::cli::doctor
