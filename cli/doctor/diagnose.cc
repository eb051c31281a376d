// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor/diagnose.h"

#include <algorithm>
#include <utility>

#include "cli/doctor/checks.h"

namespace vidai::cli::doctor {

namespace {

constexpr Check kChecks[] = {
    {"reach", check_reach, proven_reach},
    {"members", check_members, proven_members},
    {"links", check_links, proven_links},
    {"registers", check_registers, proven_registers},
    {"counters", check_counters, proven_counters},
    {"clocks", check_clocks, proven_clocks},
    {"certificates", check_certificates, proven_certificates},
    {"roots", check_roots, proven_roots},
    {"issuers", check_issuers, proven_issuers},
    {"versions", check_versions, proven_versions},
    {"money", check_money, proven_money},
    {"usage", check_usage, proven_usage},
    {"health", check_health, proven_health},
    {"refusals", check_refusals, proven_refusals},
};

}  // namespace

std::string_view severity_name(Severity severity) {
    switch (severity) {
        case Severity::kOk:
            return "ok";
        case Severity::kInfo:
            return "info";
        case Severity::kWarning:
            return "warning";
        case Severity::kError:
            break;
    }
    return "error";
}

Severity worst(const std::vector<Finding>& findings) {
    Severity most = Severity::kOk;
    for (const Finding& finding : findings) most = std::max(most, finding.severity);
    return most;
}

std::vector<Finding> diagnose(const Facts& facts) {
    Findings all;
    for (const Check& check : kChecks) {
        Findings found;
        check.run(facts, found);
        std::stable_sort(found.begin(), found.end(), [](const Finding& a, const Finding& b) {
            return a.severity > b.severity;
        });
        if (worst(found) < Severity::kWarning) {
            if (std::string what = check.proven(facts); !what.empty()) {
                found.insert(found.begin(), {Severity::kOk, "", "mesh", std::move(what), ""});
            }
        }
        if (found.size() > kFindingsPerCheck) {
            const std::size_t more = found.size() - kFindingsPerCheck;
            const Severity severity = found[kFindingsPerCheck].severity;
            found.resize(kFindingsPerCheck);
            found.push_back({severity, "", "mesh", "and " + std::to_string(more) + " more like it",
                             "Mend those above first, then ask again."});
        }
        for (Finding& finding : found) {
            finding.check = check.name;
            all.push_back(std::move(finding));
        }
    }
    return all;
}

bool digests_differ(const Facts& facts) {
    const auto answered = reports(facts);
    return std::any_of(answered.begin(), answered.end(), [&](const mesh::NodeReport* report) {
        return report->digest != answered.front()->digest;
    });
}

bool is_out(const NodeFacts& node) {
    if (!node.report || !node.report->service) return false;
    return mesh::fenced(*node.report->service) || *node.report->service == mesh::Service::kLeft;
}

std::vector<const mesh::NodeReport*> reports(const Facts& facts) {
    std::vector<const mesh::NodeReport*> answered;
    for (const NodeFacts& node : facts.nodes) {
        const bool answers = node.report && node.report->self.id == node.id;
        if (answers && !is_out(node)) answered.push_back(&*node.report);
    }
    return answered;
}

const mesh::PeerReport* peer_of(const mesh::NodeReport& from, const NodeId& about) {
    const auto found = std::find_if(from.peers.begin(), from.peers.end(),
                                    [&](const auto& peer) { return peer.member.id == about; });
    return found == from.peers.end() ? nullptr : &*found;
}

std::string span_text(std::chrono::milliseconds span) {
    const auto ms = span.count();
    if (ms < 1'000) return std::to_string(ms) + " ms";
    if (ms < 10'000) {
        return std::to_string(ms / 1'000) + "." + std::to_string(ms % 1'000 / 100) + " s";
    }
    if (ms < 120'000) return std::to_string(ms / 1'000) + " s";
    if (ms < 2 * 3'600'000) return std::to_string((ms + 30'000) / 60'000) + " min";
    return std::to_string(ms / 3'600'000) + " h";
}

std::string listed(const std::vector<std::string>& names) {
    constexpr std::size_t kNamed = 6;  // the rest is counted
    std::string text;
    const std::size_t shown = names.size() > kNamed + 1 ? kNamed : names.size();
    for (std::size_t i = 0; i < shown; ++i) {
        const bool last = i + 1 == shown && shown == names.size();
        if (i > 0) text += last ? " and " : ", ";
        text += names[i];
    }
    if (shown < names.size()) text += " and " + std::to_string(names.size() - shown) + " more";
    return text;
}

}  // namespace vidai::cli::doctor
