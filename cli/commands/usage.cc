// SPDX-License-Identifier: Apache-2.0
// `usage report`: what the calls of all nodes come to. Each call is asked for once.
#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/usage_events.h"
#include "cli/commands/usage_nodes.h"
#include "cli/exit_code.h"
#include "cli/print/text.h"
#include "mesh/usage/sheet.h"
#include "schema/vocabulary/usd.h"

namespace vidai::cli::commands {
namespace {

using mesh::UsageSheet;
using mesh::usage::Sums;
using print::Answer;
using print::Tone;
using print::Value;

constexpr std::array<std::string_view, mesh::usage::kFields> kTitles = {
    "USER", "TEAM", "PROJECT", "KEY", "MODEL", "PROVIDER", "TARGET", "ENDPOINT"};

Result<mesh::usage::Query> query_of(const Call& call) {
    mesh::usage::Query query;
    if (const std::string* const by = call.flag("--by")) {
        auto fields = mesh::usage::parse_fields(*by);
        if (!fields) return fail(ErrorCode::kUsage, "--by: " + fields.error().message, "--by");
        query.by = std::move(*fields);
    }
    const auto since = time_flag(call, "--since", query.since);
    if (!since) return fail(since.error());
    const auto until = time_flag(call, "--until", query.until);
    if (!until) return fail(until.error());
    query.since = *since;
    query.until = *until;
    if (query.since >= query.until) {
        return fail(ErrorCode::kUsage, "--since is to be before --until", "--since");
    }
    return query;
}

// Still. Corrections of calls that a node deleted meanwhile may be there without them.
std::uint64_t unpriced(const Sums& sums) {
    return sums.unpriced - std::min(sums.unpriced, sums.priced_since);
}

Value sums_value(const Sums& sums) {
    const auto& tokens = sums.tokens;
    return {{"events", sums.events},
            {"unpriced", unpriced(sums)},
            {"input_tokens", tokens.input.value},
            {"cached_input_tokens", tokens.cached_input.value},
            {"cache_write_tokens", tokens.cache_write.value},
            {"output_tokens", tokens.output.value},
            {"reasoning_tokens", tokens.reasoning.value},
            {"audio_input_tokens", tokens.audio_input.value},
            {"audio_output_tokens", tokens.audio_output.value},
            {"cost_micro_usd", sums.cost.value},
            {"estimated_micro_usd", sums.estimated.value},
            {"corrected_micro_usd", sums.adjusted.value},
            {"charged_micro_usd", sums.charged.value}};
}

std::vector<print::Cell> cells_of(const Sums& sums) {
    const auto& tokens = sums.tokens;
    const std::int64_t in = tokens.input.value + tokens.cached_input.value +
                            tokens.cache_write.value + tokens.audio_input.value;
    const std::int64_t out =
        tokens.output.value + tokens.reasoning.value + tokens.audio_output.value;
    return {{std::to_string(sums.events)},
            {std::to_string(in)},
            {std::to_string(tokens.cached_input.value)},
            {std::to_string(out)},
            {std::to_string(tokens.reasoning.value)},
            {signed_usd(sums.cost)},
            {signed_usd(sums.estimated)},
            {print_usd(sums.charged)},
            {std::to_string(unpriced(sums)), unpriced(sums) > 0 ? Tone::kWarn : Tone::kPlain},
            {signed_usd(sums.adjusted)}};
}

void add_table(const mesh::usage::Query& query, const mesh::usage::Sheet& sheet, Answer& answer) {
    for (const mesh::usage::Field field : query.by) {
        answer.table.columns.push_back({kTitles[static_cast<std::size_t>(field)]});
    }
    for (const print::Column& column : std::vector<print::Column>{{"CALLS", false, true},
                                                                  {"INPUT", false, true},
                                                                  {"CACHED", true, true},
                                                                  {"OUTPUT", false, true},
                                                                  {"REASONING", true, true},
                                                                  {"COST", false, true},
                                                                  {"ESTIMATED", true, true},

                                                                  {"CHARGED", true, true},
                                                                  {"UNPRICED", true, true},
                                                                  {"CORRECTED", true, true}}) {
        answer.table.columns.push_back(column);
    }
    const auto add = [&](const mesh::usage::Sheet::Group& group, const Sums& sums) {
        auto& row = answer.table.rows.emplace_back();
        for (const std::string& value : group) row.push_back({value});
        std::ranges::move(cells_of(sums), std::back_inserter(row));
    };
    // The dearest first.
    std::vector<const std::pair<const mesh::usage::Sheet::Group, Sums>*> rows;
    for (const auto& row : sheet.rows) rows.push_back(&row);
    std::ranges::stable_sort(rows, [](const auto* one, const auto* other) {
        return one->second.cost > other->second.cost;
    });
    for (const auto* row : rows) add(row->first, row->second);
    const auto named = [&](const char* name) {
        mesh::usage::Sheet::Group group(query.by.size());
        if (!group.empty()) group.front() = name;
        return group;
    };
    if (sheet.others.events > 0) add(named("(all others)"), sheet.others);
    if (!query.by.empty() && !sheet.rows.empty()) add(named("(total)"), sheet.total);
}

// What the nodes' answers come to, and what was wrong.
struct Summed {
    mesh::usage::Sheet sheet;
    std::vector<std::vector<std::string>> unreadable;  // by node
};

// Until everything that somebody has was answered for, or who had it has failed.
Summed sum(Call& call, const mesh::usage::Query& query, UsagePlan& plan) {
    Summed all;
    all.unreadable.resize(plan.nodes().size());
    for (;;) {
        const std::vector<UsagePlan::Parts> parts = plan.parts();
        std::vector<std::size_t> which;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (!parts[i].empty()) which.push_back(i);
        }
        if (which.empty()) return all;
        std::vector<UsageSheet> sheets(parts.size());
        const auto asked =
            ask_nodes(call, plan.nodes(), which, [&](std::size_t node, Operator& there) {
                mesh::usage::Query mine = query;
                mine.parts = parts[node];
                auto sheet = there.usage(mine);
                if (!sheet) return Result<void>(fail(std::move(sheet).error()));
                sheets[node] = std::move(*sheet);
                return Result<void>();
            });
        for (std::size_t i = 0; i < which.size(); ++i) {
            if (!asked[i]) {
                plan.failed(which[i], asked[i].error());
                continue;
            }
            all.sheet.add(sheets[which[i]].sheet);
            all.unreadable[which[i]] = std::move(sheets[which[i]].unreadable);
            for (const auto& part : parts[which[i]]) plan.answered(part);
        }
    }
}

Value copies_value(const mesh::UsageHoldings& has) {
    Value::List copies;
    for (const auto& holding : has.holdings) {
        if (holding.origin == has.origin || holding.held.empty()) continue;
        copies.push_back({{"origin", holding.origin},
                          {"node", holding.node.str()},
                          {"events", holding.held.count()},
                          {"through", holding.held.spans().back().through}});
    }
    return copies;
}

Value source_value(const UsagePlan::Node& node, const std::vector<std::string>& unreadable) {
    const mesh::UsageHoldings& has = *node.has;
    std::uint64_t through = 0;
    for (const auto& holding : has.holdings) {
        if (holding.origin != has.origin || holding.held.empty()) continue;
        through = holding.held.spans().back().through;
    }
    Value::List damaged;
    for (const std::string& what : unreadable) damaged.push_back(what);
    return {{"node", node.member.id.str()}, {"origin", has.origin},
            {"through", through},           {"settled", has.settled},
            {"in_doubt", has.in_doubt},     {"lost", has.lost},
            {"copies", copies_value(has)},  {"unreadable", std::move(damaged)}};
}

// Who answered and who did not, for people and programs.
void add_sources(const UsagePlan& plan, const Summed& all, Answer& answer, Value::List& sources,
                 Value::List& missing) {
    answer.note += missing_text(plan);
    for (std::size_t i = 0; i < plan.nodes().size(); ++i) {
        const UsagePlan::Node& node = plan.nodes()[i];
        const std::string& id = node.member.id.str();
        for (const std::string& what : all.unreadable[i]) {
            answer.status = kExitUnavailable;
            answer.note += "Some calls that lie at " + id + " are not in it: " + what + "\n";
        }
        if (!node.has) {
            answer.status = kExitUnavailable;
            missing.push_back({{"node", id},
                               {"error", node.why.message},
                               {"copied", plan.copied(node.member.id)}});
            continue;
        }
        if (node.has->lost > 0) {
            answer.note += id + " could not record " + std::to_string(node.has->lost) +
                           " calls since it started; see usage.failed in its log\n";
        }
        sources.push_back(source_value(node, all.unreadable[i]));
    }
}

Result<Answer> run_report(Call& call) {
    const auto query = query_of(call);
    if (!query) return fail(query.error());
    auto plan = plan_usage(call);
    if (!plan) return fail(std::move(plan).error());
    const Summed all = sum(call, *query, *plan);
    const mesh::usage::Sheet& sheet = all.sheet;
    Answer answer;
    Value::List sources, missing;
    add_sources(*plan, all, answer, sources, missing);
    add_table(*query, sheet, answer);
    if (sheet.total.events == 0) answer.note += "No calls were recorded in that time.\n";
    Value::List items;
    for (const auto& [group, sums] : sheet.rows) {
        Value item = sums_value(sums);
        Value by = Value(std::initializer_list<Value::Member>{});
        for (std::size_t i = 0; i < group.size() && i < query->by.size(); ++i) {
            by.set(to_text(query->by[i]), group[i]);
        }
        item.set("by", std::move(by));
        items.push_back(std::move(item));
    }
    answer.data = {{"items", std::move(items)},
                   {"others", sums_value(sheet.others)},
                   {"total", sums_value(sheet.total)},
                   {"sources", std::move(sources)},
                   {"missing", std::move(missing)}};
    return answer;
}

constexpr Flag kSince{
    "--since", "TIME",
    "Only calls from then on: a time ago such as 24h or 7d, or a date or time in UTC such as "
    "2026-11-01 or 2026-11-01T08:30:00Z."};
constexpr Flag kUntil{"--until", "TIME", "Only calls before then; as --since."};

}  // namespace

std::vector<Command> usage_commands() {
    return {{"usage",
             "report",
             "Sum the calls of providers that all nodes made: how many, their tokens and what they "
             "cost, each once. Exits with 4 when a node did not answer, of whose calls then only "
             "those are in it that others have copies of.",
             {},
             {{"--by", "FIELDS",
               "A row for each of: user, team, project, key, model, provider, target, endpoint; "
               "several with commas between."},
              kSince,
              kUntil},
             run_report},
            {"usage",
             "export",
             "Write all calls, one by one and each once, as JSON lines, node by node. Exits with 4 "
             "when a node did not answer, or not to the end.",
             {},
             {kSince, kUntil},
             run_export},
            {"budget",
             "explain",
             "Show what a request was charged, and for what: each call of a provider that was "
             "made for it, by the id that the client was told in x-request-id.",
             {"REQUEST_ID"},
             {},
             run_explain}};
}

}  // namespace vidai::cli::commands
