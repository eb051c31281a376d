// SPDX-License-Identifier: Apache-2.0
// Whom the nodes believe, and who of them can certify others.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "cli/doctor/checks.h"
#include "cli/print/text.h"
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

// Those that could not be asked: an issuer key may be there, and is of no use meanwhile.
std::vector<std::string> silent(const Facts& facts) {
    std::vector<std::string> names;
    for (const NodeFacts& node : facts.nodes) {
        if (!node.report) names.push_back(node.id.str());
    }
    return names;
}

bool all_say(const Facts& facts) {
    const auto answered = reports(facts);
    return !answered.empty() && std::ranges::none_of(answered, [](const mesh::NodeReport* report) {
        return report->root.empty();
    });
}

std::string first_to_expire(const Facts& facts) {
    const mesh::NodeReport* first = nullptr;
    for (const mesh::NodeReport* report : reports(facts)) {
        if (report->certificate_until == WallTime{}) continue;
        if (first == nullptr || report->certificate_until < first->certificate_until) {
            first = report;
        }
    }
    if (first == nullptr) return "";
    return ": no certificate is renewed, and the first, of " + first->self.id.str() +
           ", expires at " + print::time_text(first->certificate_until);
}

void judge_issuers(const Facts& facts, Findings& out) {
    if (facts.local_only || !all_say(facts) || !issuers(facts).empty()) return;
    const auto unasked = silent(facts);
    const std::string give =
        "ive one of those that run issuer.key (mesh.issuer_file); after `mesh rotate root` that is "
        "the new one. Until then nobody can join.";
    if (unasked.empty()) {
        out.push_back({Severity::kError, "", "mesh",
                       "no node holds an issuer key that is good under the newest root" +
                           first_to_expire(facts),
                       "G" + give});
        return;
    }
    out.push_back({Severity::kWarning, "", "mesh",
                   "no node that answers holds an issuer key that is good under the newest root" +
                       first_to_expire(facts),
                   "If " + listed(unasked) + " held it, start that again; else g" + give});
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
    judge_issuers(facts, out);
}

std::string proven_roots(const Facts& facts) {
    const auto names = issuers(facts);
    if (names.empty()) return "";
    return "all go by one root; " + listed(names) + " can certify nodes";
}

}  // namespace vidai::cli::doctor
