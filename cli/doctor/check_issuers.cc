// SPDX-License-Identifier: Apache-2.0
// Whether every node has its certificate by the newest issuer: those that have not are cut off when
// the one before is revoked.
#include <string>
#include <string_view>

#include "cli/doctor/checks.h"
#include "mesh/node_report.h"

namespace vidai::cli::doctor {

namespace {

bool covers(std::string_view pattern, std::string_view id) {
    const std::size_t star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == id;
    const std::string_view before = pattern.substr(0, star), after = pattern.substr(star + 1);
    return id.size() >= before.size() + after.size() && id.starts_with(before) &&
           id.ends_with(after);
}

// Of those that nodes hold and that may certify this one; nullptr: none.
const mesh::NodeReport* newest_for(const Facts& facts, const std::string& id) {
    const mesh::NodeReport* newest = nullptr;
    for (const mesh::NodeReport* report : reports(facts)) {
        if (report->held.fingerprint.empty() || !covers(report->held.pattern, id)) continue;
        if (newest == nullptr || report->held.since > newest->held.since) newest = report;
    }
    return newest;
}

}  // namespace

void check_issuers(const Facts& facts, Findings& out) {
    for (const mesh::NodeReport* report : reports(facts)) {
        const mesh::IssuerReport& by = report->certified_by;
        const std::string id = report->self.id.str();
        const mesh::NodeReport* const newest = newest_for(facts, id);
        if (by.fingerprint.empty() || newest == nullptr || newest->held.since <= by.since) continue;
        const bool own = !report->held.fingerprint.empty() && covers(report->held.pattern, id);
        out.push_back(
            {Severity::kWarning, "", id,
             "is certified by an issuer key, " + by.fingerprint + ", that is older than " +
                 newest->held.fingerprint + " on " + newest->self.id.str(),
             own ? "Put the new issuer.key in the place of the one that it has: it is taken up "
                   "within seconds. Do so before the old one is revoked."
                 : "Before the old issuer is revoked: `vidaictl mesh rotate node " + id +
                       "` gets it a certificate by the newest, and a new key, while it runs."});
    }
}

std::string proven_issuers(const Facts& facts) {
    std::size_t certified = 0;
    for (const mesh::NodeReport* report : reports(facts)) {
        if (!report->certified_by.fingerprint.empty()) ++certified;
    }
    if (certified == 0 || certified != reports(facts).size()) return "";
    return "all are certified by the newest issuer that may certify them";
}

}  // namespace vidai::cli::doctor
