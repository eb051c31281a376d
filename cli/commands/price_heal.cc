// SPDX-License-Identifier: Apache-2.0
// `price heal`: past calls at the prices that hold for their times now, on each node that made
// some.
#include <string>
#include <utility>
#include <vector>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/usage_events.h"
#include "cli/commands/usage_nodes.h"
#include "cli/exit_code.h"
#include "schema/vocabulary/usd.h"

namespace vidai::cli::commands {
namespace {

using mesh::UsageCorrection;
using mesh::usage::Corrected;
using print::Answer;
using print::Tone;
using print::Value;

// A node corrects so many calls at a time; a rehearsal tells of the first of these.
Result<UsageCorrection> heal(Operator& node, WallTime since, WallTime until, bool dry_run) {
    auto all = node.usage_heal(since, until, dry_run);
    while (all && all->sums.more && !dry_run) {
        const auto next = node.usage_heal(since, until, dry_run);
        if (!next) return fail(next.error());
        all->sums.corrected += next->sums.corrected;
        all->sums.after = next->sums.after;
        all->sums.more = next->sums.more && next->sums.corrected > 0;
        for (const auto& [key, row] : next->sums.rows) {
            Corrected::Row& sum = all->sums.rows[key];
            sum.corrected += row.corrected;
            sum.before += row.before;
            sum.after += row.after;
        }
    }
    return all;
}

void add(const UsageCorrection& done, Answer& answer, Value::List& items, Value::List& nodes) {
    const std::string& id = done.node.str();
    for (const auto& [key, row] : done.sums.rows) {
        items.push_back({{"node", id},
                         {"provider", key.first},
                         {"target", key.second},
                         {"corrected", row.corrected},
                         {"before_micro_usd", row.before.value},
                         {"after_micro_usd", row.after.value}});
        answer.table.rows.push_back({{id},
                                     {key.first},
                                     {key.second},
                                     {std::to_string(row.corrected)},
                                     {signed_usd(row.before)},
                                     {signed_usd(row.after)},
                                     {signed_usd(row.after - row.before), Tone::kWarn}});
    }
    nodes.push_back({{"node", id},
                     {"looked", done.sums.looked},
                     {"corrected", done.sums.corrected},
                     {"unpriced", done.sums.unpriced},
                     {"billed", done.sums.billed},
                     {"before_micro_usd", done.sums.before.value},
                     {"after_micro_usd", done.sums.after.value},
                     {"more", done.sums.more}});
    if (done.sums.unpriced > 0) {
        answer.note += std::to_string(done.sums.unpriced) + " calls that " + id +
                       " made have no price still.\n";
    }
    if (done.sums.billed > 0) {
        answer.note += std::to_string(done.sums.billed) + " calls that " + id +
                       " made stay as the provider billed them.\n";
    }
    if (done.sums.more) {
        answer.note += id;
        answer.note += " has more of them than are told of at a time.\n";
    }
    for (const std::string& what : done.unreadable) {
        answer.status = kExitUnavailable;
        answer.note += "Some calls that ";
        answer.note += id;
        answer.note += " made could not be read: ";
        answer.note += what;
        answer.note += '\n';
    }
}

Result<Answer> run_heal(Call& call) {
    if (call.flag("--since") == nullptr) {
        return fail(ErrorCode::kUsage, "--since says from when on calls are looked at", "--since");
    }
    const auto since = time_flag(call, "--since", WallTime::min());
    if (!since) return fail(since.error());
    const auto until = time_flag(call, "--until", WallTime::max());
    if (!until) return fail(until.error());
    const bool dry_run = call.flag("--dry-run") != nullptr;
    auto first = call.connect();
    if (!first) return fail(std::move(first).error());
    auto members = (*first)->members();
    if (!members) return fail(std::move(members).error());
    std::vector<UsagePlan::Node> nodes;
    std::vector<std::size_t> which;
    for (mesh::Member& member : *members) {
        which.push_back(nodes.size());
        nodes.push_back(UsagePlan::Node{.member = std::move(member), .has = {}});
    }
    std::vector<UsageCorrection> done(nodes.size());
    const auto asked =
        ask_nodes(call, nodes, which, [&](std::size_t node, Operator& there) -> Result<void> {
            auto healed = heal(there, *since, *until, dry_run);
            if (!healed) return fail(std::move(healed).error());
            done[node] = std::move(*healed);
            return {};
        });
    Answer answer;
    answer.table.columns = {{"NODE"},
                            {"PROVIDER"},
                            {"MODEL"},
                            {"CALLS", false, true},
                            {"BEFORE", false, true},
                            {"AFTER", false, true},
                            {"DIFFERENCE", false, true}};
    Value::List items, by_node, missing;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (asked[i]) {
            add(done[i], answer, items, by_node);
            continue;
        }
        const std::string& id = nodes[i].member.id.str();
        answer.status = kExitUnavailable;
        answer.note += "Calls that " + id + " made are as they were: " + asked[i].error().message +
                       ". Run it again when it is there\n";
        missing.push_back({{"node", id}, {"error", asked[i].error().message}});
    }
    if (items.empty() && missing.empty()) answer.note += "No call costs anything else.\n";
    if (dry_run) answer.note += "Nothing was changed.\n";
    answer.data = {{"items", std::move(items)},
                   {"nodes", std::move(by_node)},
                   {"missing", std::move(missing)}};
    return answer;
}

}  // namespace

std::vector<Command> price_heal_commands() {
    return {{"price",
             "heal",
             "Price past calls anew, by the prices that each node has for their times now: a call "
             "that cost something else gets a correction in the record of usage, and reports show "
             "what it comes to. Twice does nothing more. What budgets were charged stays. Exits "
             "with 4 when a node did not answer, whose calls then are as they were.",
             {},
             {{"--since", "TIME",
               "Calls from then on: a time ago such as 24h or 7d, or a date or time in UTC such as "
               "2026-11-01 or 2026-11-01T08:30:00Z.",
               true},
              {"--until", "TIME", "Only calls before then; as --since."},
              {"--dry-run", "", "Show what would be corrected, and change nothing."}},
             run_heal}};
}

}  // namespace vidai::cli::commands
