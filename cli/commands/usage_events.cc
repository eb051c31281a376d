// SPDX-License-Identifier: Apache-2.0
// Usage one by one: `usage export`, and `budget explain`, which shows the calls of one request.
#include "cli/commands/usage_events.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/commands/usage_nodes.h"
#include "cli/exit_code.h"
#include "cli/print/text.h"
#include "schema/vocabulary/usd.h"

namespace vidai::cli::commands {
namespace {

using mesh::usage::Event;
using mesh::usage::Search;
using print::Answer;
using print::Value;

std::string_view outcome_text(mesh::usage::Outcome outcome) {
    constexpr std::array<std::string_view, mesh::usage::kOutcomes> kNames = {
        "answered", "client_gone", "interrupted", "unknown", "cut"};
    return kNames.at(static_cast<std::size_t>(outcome));
}

std::string_view tier_text(mesh::pricing::ServiceTier tier) {
    constexpr std::array<std::string_view, mesh::pricing::kServiceTiers> kNames = {
        "standard", "flex", "priority", "batch"};
    return kNames.at(static_cast<std::size_t>(tier));
}

Value time_value(WallTime time) {
    return time.time_since_epoch().count() == 0 ? Value() : Value(print::time_text(time));
}

Value event_value(const mesh::UsagePage& page, const Event& event) {
    const auto& tokens = event.tokens;
    Value value = {{"time", print::time_text(event.time)},
                   {"node", page.node.str()},
                   {"origin", page.origin},
                   {"number", event.number},
                   {"request", event.request},
                   {"key", event.caller.key.str()},
                   {"user", event.caller.user},
                   {"team", event.caller.team},
                   {"project", event.caller.project},
                   {"model", event.callee.model},
                   {"provider", event.callee.provider},
                   {"target", event.callee.target},
                   {"endpoint", event.callee.endpoint},
                   {"input_tokens", tokens.input.value},
                   {"cached_input_tokens", tokens.cached_input.value},
                   {"cache_write_tokens", tokens.cache_write.value},
                   {"output_tokens", tokens.output.value},
                   {"reasoning_tokens", tokens.reasoning.value},
                   {"audio_input_tokens", tokens.audio_input.value},
                   {"audio_output_tokens", tokens.audio_output.value},
                   {"outcome", outcome_text(event.outcome)},
                   {"estimated", event.estimated},
                   {"charged_micro_usd", event.charged.value}};
    const bool costs = event.priced || event.adjusts != 0;
    value.set("cost_micro_usd", costs ? Value(event.cost.value) : Value());
    value.set("price_since", costs && !event.billed ? time_value(event.price_from) : Value());
    value.set("priced_by", event.billed    ? Value("bill")
                           : event.ceiling ? Value("ceiling")
                           : costs         ? Value("price")
                                           : Value());
    value.set("service_tier", tier_text(event.tier));
    value.set("adjusts", event.adjusts != 0 ? Value(event.adjusts) : Value());
    return value;
}

// All pages of one part, as far as there are answers. False: `take` has had enough.
Result<bool> read_pages(Operator& node, Search search, const mesh::usage::Part& part,
                        const NodeId& maker, UsagePlan& plan, const TakePage& take) {
    search.origin = part.origin;
    search.from = part.span.from;
    search.through = part.span.through;
    for (;;) {
        auto page = node.usage_events(search);
        if (!page) return fail(page.error());
        if (page->next > search.through) page->next = 0;
        if (!maker.empty()) page->node = maker;
        if (!take(*page)) return false;
        const std::uint64_t last = page->next == 0 ? search.through : page->next - 1;
        plan.answered({part.origin, {search.from, last}});
        if (page->next == 0) return true;
        search.from = page->next;
    }
}

}  // namespace

Result<Answer> search_usage(Call& call, const Search& search, const TakePage& take) {
    auto plan = plan_usage(call);
    if (!plan) return fail(std::move(plan).error());
    bool enough = false;
    bool asked = true;
    while (asked && !enough) {
        asked = false;
        const std::vector<UsagePlan::Parts> parts = plan->parts();
        for (std::size_t i = 0; i < parts.size() && !enough; ++i) {
            if (parts[i].empty()) continue;
            asked = true;
            mesh::OperatorTarget whom = call.target();
            if (!plan->nodes()[i].member.self) whom.address = plan->nodes()[i].member.address;
            auto there = call.world().connect(whom, call.settings().timeout);
            for (const auto& part : parts[i]) {
                auto done =
                    there ? read_pages(**there, search, part, plan->maker(part.origin), *plan, take)
                          : Result<bool>(fail(there.error()));
                if (!done) {
                    plan->failed(i, done.error());
                    break;
                }
                enough = !*done;
                if (enough) break;
            }
        }
    }
    Answer answer;
    answer.note = missing_text(*plan);
    if (!answer.note.empty()) answer.status = kExitUnavailable;
    return answer;
}

void note_unreadable(const mesh::UsagePage& page, Answer& answer) {
    for (const std::string& what : page.unreadable) {
        answer.status = kExitUnavailable;
        answer.note += "Some calls that " + page.node.str() + " made are not in it: " + what + "\n";
    }
}

MicroUsd cost_of(const Event& event) {
    return event.priced || event.adjusts != 0 ? event.cost : MicroUsd{};
}

std::string signed_usd(MicroUsd amount) {
    return amount.value < 0 ? "-" + print_usd({-amount.value}) : print_usd(amount);
}

namespace {

using Called = std::pair<NodeId, Event>;

std::vector<print::Cell> row_of(const NodeId& node, const Event& event) {
    const auto& tokens = event.tokens;
    const Tokens in = tokens.input + tokens.cached_input + tokens.cache_write + tokens.audio_input;
    const Tokens out = tokens.output + tokens.reasoning + tokens.audio_output;
    const bool always = event.price_from.time_since_epoch().count() == 0;
    return {{node.str()},
            {event.callee.model},
            {event.callee.provider},
            {event.callee.target},
            {event.adjusts != 0 ? "corrected" : std::string(outcome_text(event.outcome))},
            {std::to_string(in.value)},
            {std::to_string(out.value)},
            {event.adjusts != 0 ? ""
             : event.estimated  ? "estimated"
                                : "by the provider"},
            {event.priced || event.adjusts != 0 ? signed_usd(event.cost) : "no price"},
            {print_usd(event.charged)},
            {always ? "" : print::time_text(event.price_from)}};
}

struct Sum {
    MicroUsd cost, charged;
};

// The calls of one request, of which there is at least one.
Sum show(const std::string& request, const std::vector<Called>& events, Answer& answer) {
    Sum sum;
    for (const auto& [node, event] : events) {
        sum.cost += cost_of(event);
        sum.charged += event.charged;
    }
    const Event& first = events.front().second;
    answer.fields = {{"Request", {request}},
                     {"Time", {print::time_text(first.time)}},
                     {"Key", {first.caller.key.str()}},
                     {"Cost", {signed_usd(sum.cost)}},
                     {"Charged to each of its budgets", {print_usd(sum.charged)}}};
    answer.table.columns = {{"NODE"},
                            {"MODEL"},
                            {"PROVIDER"},
                            {"TARGET"},
                            {"OUTCOME"},
                            {"INPUT", false, true},
                            {"OUTPUT", false, true},
                            {"COUNTED"},
                            {"COST", false, true},
                            {"CHARGED", false, true},
                            {"PRICE SINCE", true}};
    for (const auto& [node, event] : events) answer.table.rows.push_back(row_of(node, event));
    return sum;
}

}  // namespace

Result<Answer> run_export(Call& call) {
    Search search;
    const auto since = time_flag(call, "--since", search.since);
    if (!since) return fail(since.error());
    const auto until = time_flag(call, "--until", search.until);
    if (!until) return fail(until.error());
    search.since = *since;
    search.until = *until;
    Answer unreadable;
    auto answer = search_usage(call, search, [&](const mesh::UsagePage& page) {
        note_unreadable(page, unreadable);
        std::string lines;
        for (const Event& event : page.events) lines += to_json_line(event_value(page, event));
        return call.world().write(lines);
    });
    if (!answer) return answer;
    answer->note += unreadable.note;
    answer->status = std::max(answer->status, unreadable.status);
    answer->script = true;  // what there is to write is written
    return answer;
}

Result<Answer> run_explain(Call& call) {
    const std::string& request = call.argument(0);
    Answer found;
    Value::List calls;
    std::vector<Called> events;
    auto answer = search_usage(call, {.request = request}, [&](const mesh::UsagePage& page) {
        note_unreadable(page, found);
        for (const Event& event : page.events) {
            calls.push_back(event_value(page, event));
            events.emplace_back(page.node, event);
        }
        return true;
    });
    if (!answer) return answer;
    answer->note += found.note;
    answer->status = std::max(answer->status, found.status);
    if (events.empty()) {
        std::string but = answer->note;
        if (but.ends_with('\n')) but.pop_back();
        std::ranges::replace(but, '\n', ';');
        const ErrorCode code = but.empty() ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
        return fail(code,
                    "no call of a provider is known of a request '" + request +
                        "': it was refused before, or it is older than what nodes keep" +
                        (but.empty() ? "" : ", or it is among those that are missing. " + but),
                    "REQUEST_ID");
    }
    std::ranges::stable_sort(events, {}, [](const auto& one) { return one.second.time; });
    const Sum sum = show(request, events, *answer);
    answer->data = {{"request", request},
                    {"cost_micro_usd", sum.cost.value},
                    {"charged_micro_usd", sum.charged.value},
                    {"calls", std::move(calls)}};
    return answer;
}

}  // namespace vidai::cli::commands
