// SPDX-License-Identifier: Apache-2.0
// Whether the calls that nodes made are recorded, can be read, and would outlive the next volume.
#include <chrono>
#include <string>
#include <vector>

#include "cli/doctor/checks.h"

namespace vidai::cli::doctor {

namespace {

// Copies take a second or so; after a node's death some more.
constexpr std::chrono::minutes kSettlesWithin{1};

std::string calls(std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " call" : " calls");
}

void judge(const mesh::NodeReport& report, bool company, Findings& out) {
    const mesh::RecordReport& usage = *report.usage;
    const std::string id = report.self.id.str();
    if (usage.lost > 0) {
        out.push_back(
            {Severity::kWarning, "", id,
             "could not record " + calls(usage.lost) + " since it started: no report has them",
             "See usage.failed in its log: the disk of DATA_DIR/usage is full, fails or "
             "is too slow. What budgets were charged is not touched by it."});
    }
    if (usage.damaged > 0) {
        out.push_back({Severity::kWarning, "", id,
                       "the last report could not read all of " + std::to_string(usage.damaged) +
                           " of its files of usage: " + std::to_string(usage.unreadable_bytes) +
                           " bytes were passed over",
                       "`vidaictl usage report` names them. Restore those files from a backup "
                       "while the node is stopped, or live without these calls: delete the files "
                       "once you have exported what is left."});
    }
    if (usage.copies_failed > 0) {
        out.push_back({Severity::kWarning, "", id,
                       "its disk did not take " + std::to_string(usage.copies_failed) +
                           " batches of others' calls",
                       "See mesh.trouble in its log: the disk of DATA_DIR/usage is full or fails. "
                       "They are sent again."});
    }
    if (!company || usage.in_doubt == 0) return;
    if (usage.keeper && usage.in_doubt_for < kSettlesWithin) return;
    out.push_back({Severity::kWarning, "", id,
                   calls(usage.in_doubt) + " that it made lie on its volume alone" +
                       (usage.keeper ? ", the first for " + span_text(usage.in_doubt_for)
                                     : ": no other node keeps copies for it"),
                   "Copies wait for a connection to another node whose program keeps them, and "
                   "for that one's disk: see above, and mesh.trouble in both logs."});
}

}  // namespace

void check_usage(const Facts& facts, Findings& out) {
    const auto all = reports(facts);
    for (const mesh::NodeReport* report : all) {
        if (report->usage) judge(*report, all.size() > 1, out);
    }
}

std::string proven_usage(const Facts& facts) {
    std::size_t with = 0;
    std::uint64_t on_their_way = 0;
    for (const mesh::NodeReport* report : reports(facts)) {
        if (!report->usage) continue;
        ++with;
        on_their_way += report->usage->in_doubt;
    }
    if (with < 2) return "";
    return "the calls of " + std::to_string(with) + " nodes are recorded, and " +
           (on_their_way == 0 ? "lie at another node too"
                              : "copies of the last " + std::to_string(on_their_way) +
                                    " are on their way to another");
}

}  // namespace vidai::cli::doctor
