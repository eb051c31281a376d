// SPDX-License-Identifier: Apache-2.0
// `usage report`: what the calls of all nodes come to. Each node is asked for its own.
#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <thread>
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

constexpr std::size_t kAskedAtOnce = 16;
constexpr std::array<std::string_view, mesh::usage::kFields> kTitles = {
    "USER", "TEAM", "PROJECT", "KEY", "MODEL", "PROVIDER", "TARGET", "ENDPOINT"};

// What one node answered, or why it did not.
struct Asked {
    mesh::Member member;
    Result<UsageSheet> usage;
};

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

// Each member is one helper's alone, so that nothing is shared but the index.
void ask_all(const World& world, const mesh::OperatorTarget& target,
             std::chrono::milliseconds timeout, const mesh::usage::Query& query,
             std::vector<Asked>& members) {
    std::atomic<std::size_t> next{0};
    const auto work = [&]() {
        for (std::size_t i = next++; i < members.size(); i = next++) {
            mesh::OperatorTarget whom = target;
            whom.address = members[i].member.address;
            auto client = world.connect(whom, timeout);
            members[i].usage = client ? (*client)->usage(query) : fail(std::move(client).error());
        }
    };
    std::vector<std::jthread> helpers;
    for (std::size_t i = 0; i < std::min(members.size(), kAskedAtOnce); ++i) {
        helpers.emplace_back(work);
    }
}

// The node that is asked, and all that it knows but for those that left: what a node that is gone
// has recorded is on its volume.
Result<std::vector<Asked>> ask(Call& call, const mesh::usage::Query& query) {
    auto first = call.connect();
    if (!first) return fail(std::move(first).error());
    const auto members = (*first)->members();
    if (!members) return fail(members.error());
    std::vector<Asked> asked, others;
    for (const mesh::Member& member : *members) {
        if (member.self) {
            auto own = (*first)->usage(query);
            if (!own) return fail(std::move(own).error());
            asked.push_back({member, std::move(own)});
        } else {
            others.push_back({member, fail(ErrorCode::kUnavailable,
                                           "it was not asked: a local socket is for one node only",
                                           member.address)});
        }
    }
    if (!call.target().address.starts_with("unix:")) {
        ask_all(call.world(), call.target(), call.settings().timeout, query, others);
    }
    std::move(others.begin(), others.end(), std::back_inserter(asked));
    return asked;
}

Value sums_value(const Sums& sums) {
    const auto& tokens = sums.tokens;
    return {{"events", sums.events},
            {"unpriced", sums.unpriced},
            {"input_tokens", tokens.input.value},
            {"cached_input_tokens", tokens.cached_input.value},
            {"cache_write_tokens", tokens.cache_write.value},
            {"output_tokens", tokens.output.value},
            {"reasoning_tokens", tokens.reasoning.value},
            {"audio_input_tokens", tokens.audio_input.value},
            {"audio_output_tokens", tokens.audio_output.value},
            {"cost_micro_usd", sums.cost.value},
            {"estimated_micro_usd", sums.estimated.value},
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
            {print_usd(sums.cost)},
            {print_usd(sums.estimated)},
            {print_usd(sums.charged)},
            {std::to_string(sums.unpriced), sums.unpriced > 0 ? Tone::kWarn : Tone::kPlain}};
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
                                                                  {"UNPRICED", true, true}}) {
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

Result<Answer> run_report(Call& call) {
    const auto query = query_of(call);
    if (!query) return fail(query.error());
    auto asked = ask(call, *query);
    if (!asked) return fail(std::move(asked).error());
    mesh::usage::Sheet sheet;
    std::set<std::string> origins;  // each once, whoever answers for it
    Answer answer;
    Value::List sources, missing;
    bool incomplete = false;
    for (const Asked& one : *asked) {
        const std::string& node = one.member.id.str();
        if (!one.usage) {
            incomplete = true;
            missing.push_back({{"node", node}, {"error", one.usage.error().message}});
            answer.note +=
                "Calls that " + node + " made are not in it: " + one.usage.error().message + "\n";
            continue;
        }
        if (!origins.insert(one.usage->origin).second) continue;
        sheet.add(one.usage->sheet);
        Value::List unreadable;
        for (const std::string& what : one.usage->unreadable) {
            incomplete = true;
            unreadable.push_back(what);
            answer.note += "Some calls that " + node;
            answer.note += " made are not in it: " + what + "\n";
        }
        if (one.usage->lost > 0) {
            answer.note += node + " could not record " + std::to_string(one.usage->lost) +
                           " calls since it started; see usage.failed in its log\n";
        }
        sources.push_back({{"node", node},
                           {"origin", one.usage->origin},
                           {"through", one.usage->through},
                           {"lost", one.usage->lost},
                           {"unreadable", std::move(unreadable)}});
    }
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
    if (incomplete) answer.status = kExitUnavailable;
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
             "cost. Exits with 4 when a node did not answer, whose calls are then not in it.",
             {},
             {{"--by", "FIELDS",
               "A row for each of: user, team, project, key, model, provider, target, endpoint; "
               "several with commas between."},
              kSince,
              kUntil},
             run_report},
            {"usage",
             "export",
             "Write all calls, one by one, as JSON lines, node by node. Exits with 4 when a node "
             "did not answer, or not to the end.",
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
