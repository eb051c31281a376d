// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/commands/member_text.h"
#include "cli/commands/spread.h"
#include "cli/print/text.h"
#include "mesh/state/limit_record.h"

namespace vidai::cli::commands {
namespace {

using mesh::state::LimitMode;
using mesh::state::LimitRecord;
using mesh::state::LimitUnit;
using mesh::state::ScopeField;
using print::Answer;
using print::Tone;
using print::Value;

// The words are what programs match on in -o json, and so are spelled here, with the output.
std::string_view kind_text(mesh::LimitKind kind) {
    switch (kind) {
        case mesh::LimitKind::kRequests:
            return "requests_per_minute";
        case mesh::LimitKind::kTokens:
            return "tokens_per_minute";
        case mesh::LimitKind::kConcurrency:
            return "concurrency";
    }
    return "unknown";
}

Value limit_value(const mesh::LimitUse& use) {
    return {{"kind", kind_text(use.kind)},
            {"limit", use.limit},
            {"own", use.own},
            {"known", use.known},
            {"bound", use.bound},
            {"burst", use.burst},
            {"delay_ms", use.delay.count()},
            {"nodes", use.nodes},
            {"crashes", use.crashes}};
}

std::vector<print::Cell> limit_row(const mesh::LimitUse& use) {
    const bool full = use.own + use.known >= use.limit;
    return {{std::string(kind_text(use.kind))},
            {std::to_string(use.limit)},
            {std::to_string(use.own + use.known), full ? Tone::kWarn : Tone::kPlain},
            {std::to_string(use.own)},
            {std::to_string(use.known)},
            {"+" + std::to_string(use.bound)},
            {std::to_string(use.burst)},
            {std::to_string(use.delay.count()) + "ms"},
            {std::to_string(use.nodes)},
            {std::to_string(use.crashes)}};
}

// "1m" of a window's length where it is a whole number of something.
std::string span_text(std::uint32_t span_s) {
    for (const auto& [unit, scale] : {std::pair{"d", 86'400U}, {"h", 3'600U}, {"m", 60U}}) {
        if (span_s % scale == 0) return std::to_string(span_s / scale) + unit;
    }
    return std::to_string(span_s) + "s";
}

std::string amount_text(const LimitRecord& limit) {
    std::string amount = std::to_string(limit.amount);
    if (limit.unit == LimitUnit::kConcurrency) return amount;
    return amount + "/" + span_text(limit.span_s);
}

Value limit_value(const LimitRecord& limit) {
    Value::List equal, each;
    for (std::size_t i = 0; i < mesh::state::kScopeFields; ++i) {
        const ScopeField field{static_cast<std::uint8_t>(i)};
        const std::string name(scope_field_name(field));
        if (!limit.scope[field].empty()) equal.push_back(name + "=" + limit.scope[field]);
        if (limit.scope.is_each(field)) each.push_back(name);
    }
    return {{"id", limit.id},
            {"name", limit.name},
            {"scope", std::move(equal)},
            {"each", std::move(each)},
            {"unit", limit_unit_name(limit.unit)},
            {"amount", limit.amount},
            {"window_s", limit.span_s},
            {"window", limit.fixed ? "fixed" : "sliding"},
            {"burst", limit.burst},
            {"mode", limit_mode_name(limit.mode)},
            {"created", time_value(limit.created)},
            {"deleted", limit.deleted}};
}

void add_fields(const LimitRecord& limit, Answer& answer) {
    answer.fields = {{"Limit", {limit.name}},
                     {"Id", {limit.id}},
                     {"Scope", {to_text(limit.scope)}},
                     {"Counts", {std::string(limit_unit_name(limit.unit))}},
                     {"Amount", {amount_text(limit) + (limit.fixed ? " fixed" : "")}},
                     {"Mode", {std::string(limit_mode_name(limit.mode))}}};
    if (limit.burst > 0) answer.fields.push_back({"Burst", {std::to_string(limit.burst)}});
}

Result<Answer> show_standing(Call& call) {
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto standing = (*mesh)->limit_standing(call.argument(0));
    if (!standing) return fail(standing.error());
    Answer answer;
    add_fields(standing->limit, answer);
    const std::string seen = std::to_string(standing->seen) + " of " +
                             std::to_string(standing->confirmed) + " nodes seen";
    answer.fields.push_back({"Allowed", {std::to_string(standing->allowed) + " (" + seen + ")"}});
    answer.table.columns = {{"COUNTER"},
                            {"MAX", false, true},
                            {"USED", false, true},
                            {"HERE", false, true},
                            {"ELSEWHERE", false, true},
                            {"BOUND", false, true},
                            {"BURST", true, true},
                            {"DELAY", true, true},
                            {"NODES", true, true},
                            {"CRASHES", true, true}};
    Value::List counters;
    for (const auto& [value, use] : standing->counters) {
        auto row = limit_row(use);
        row.front() = {value.empty() ? "all" : value};
        answer.table.rows.push_back(std::move(row));
        Value counted = limit_value(use);
        counted.set("for", value);
        counters.push_back(std::move(counted));
    }
    if (standing->more > 0) {
        answer.note = std::to_string(standing->more) + " counters more are used less.\n";
    }
    answer.data = limit_value(standing->limit);
    answer.data.set("allowed", standing->allowed);
    answer.data.set("nodes_seen", standing->seen);
    answer.data.set("nodes_confirmed", standing->confirmed);
    answer.data.set("counters", std::move(counters));
    answer.data.set("counters_not_shown", standing->more);
    return answer;
}

Result<Answer> run_show(Call& call) {
    // No limit has a name in the form of a key's id.
    const Result<KeyId> id = call.key_argument(0);
    if (!id) return show_standing(call);
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto report = (*mesh)->limit_show(*id);
    if (!report) return fail(report.error());
    Answer answer;
    answer.table.columns = {{"LIMIT"},
                            {"MAX", false, true},
                            {"USED", false, true},
                            {"HERE", false, true},
                            {"ELSEWHERE", false, true},
                            {"BOUND", false, true},
                            {"BURST", true, true},
                            {"DELAY", true, true},
                            {"NODES", true, true},
                            {"CRASHES", true, true}};
    Value::List limits;
    for (const mesh::LimitUse& use : report->limits) {
        limits.push_back(limit_value(use));
        answer.table.rows.push_back(limit_row(use));
    }
    const MicroUsd total = report->spend_own + report->spend_known;
    const std::string spend = print::usd_text(total) + " (" + print::usd_text(report->spend_own) +
                              " here; soft: since each node's start)";
    answer.fields = {
        {"Key", {report->key.str()}},
        {"Name", {report->name}},
        {"Status",
         {report->revoked ? "revoked" : "active", report->revoked ? Tone::kBad : Tone::kGood}},
        {"Mode", {report->mode}},
        {"Spend", {spend}}};
    if (limits.empty()) answer.fields.push_back({"Limits", {"none"}});
    answer.data = {{"key", report->key.str()},
                   {"name", report->name},
                   {"mode", report->mode},
                   {"revoked", report->revoked},
                   {"limits", std::move(limits)},
                   {"spend",
                    {{"own_micro_usd", report->spend_own.value},
                     {"known_micro_usd", report->spend_known.value},
                     {"soft", true}}}};
    return answer;
}

std::unexpected<Error> usage(const char* flag, const std::string& what) {
    return fail(ErrorCode::kUsage, std::string(flag) + " " + what, flag);
}

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t end = std::min(text.find(',', start), text.size());
        parts.push_back(text.substr(start, end - start));
        start = end + 1;
    }
    return parts;
}

std::optional<std::size_t> field_of(std::string_view name) {
    for (std::size_t i = 0; i < mesh::state::kScopeFields; ++i) {
        if (scope_field_name(ScopeField{static_cast<std::uint8_t>(i)}) == name) return i;
    }
    return std::nullopt;
}

Result<void> read_scope(const Call& call, mesh::state::LimitScope& scope) {
    if (const auto* text = call.flag("--scope")) {
        for (const std::string_view part : split(*text)) {
            const std::size_t equals = std::min(part.find('='), part.size());
            const auto field = field_of(part.substr(0, equals));
            if (!field || equals + 1 >= part.size() || !scope.equal[*field].empty()) {
                return usage("--scope",
                             "takes key, user, team, project or model, each once and with what it "
                             "shall be, such as team=ml,model=gpt-4o; not '" +
                                 std::string(part) + "'");
            }
            scope.equal[*field] = part.substr(equals + 1);
        }
    }
    if (const auto* text = call.flag("--each")) {
        for (const std::string_view part : split(*text)) {
            const auto field = field_of(part);
            if (!field) {
                return usage("--each",
                             "takes key, user, team or project, not '" + std::string(part) + "'");
            }
            scope.each = static_cast<std::uint8_t>(scope.each | 1U << *field);
        }
    }
    return {};
}

// "1000/1m".
Result<void> read_rate(const char* flag, const std::string& text, LimitRecord& limit) {
    const std::size_t slash = text.find('/');
    std::uint64_t amount = 0;
    const char* const end = text.data() + std::min(slash, text.size());
    const auto [stop, error] = std::from_chars(text.data(), end, amount);
    if (slash == std::string::npos || error != std::errc() || stop != end ||
        amount > mesh::state::kAmountMax) {
        return usage(flag, "takes how many in which time, such as 1000/1m, not '" + text + "'");
    }
    const auto span = parse_span(flag, text.substr(slash + 1));
    if (!span) return fail(span.error());
    if (*span > std::chrono::hours(24)) return usage(flag, "takes a time of at most a day");
    limit.amount = amount;
    limit.span_s = static_cast<std::uint32_t>(span->count());
    return {};
}

Result<void> read_manner(const Call& call, LimitRecord& limit) {
    if (const auto* text = call.flag("--window")) {
        if (*text != "sliding" && *text != "fixed") {
            return usage("--window", "is sliding or fixed, not '" + *text + "'");
        }
        limit.fixed = *text == "fixed";
    }
    const auto burst = call.count_flag("--burst", mesh::state::kAmountMax);
    if (!burst) return fail(burst.error());
    if (*burst) limit.burst = **burst;
    const auto* const text = call.flag("--mode");
    if (text == nullptr) return {};
    for (const LimitMode mode :
         {LimitMode::kOptimistic, LimitMode::kFairShare, LimitMode::kEscrow}) {
        if (limit_mode_name(mode) != *text) continue;
        limit.mode = mode;
        return {};
    }
    return usage("--mode", "is optimistic or fair_share, not '" + *text + "'");
}

// `fresh`: of a new limit, which must say how much of what.
Result<void> read_amount(const Call& call, LimitRecord& limit, bool fresh) {
    const auto* const requests = call.flag("--requests");
    const auto* const tokens = call.flag("--tokens");
    const auto open = call.count_flag("--concurrency", mesh::state::kAmountMax);
    if (!open) return fail(open.error());
    const int said = (requests != nullptr) + (tokens != nullptr) + open->has_value();
    if (said > 1 || (fresh && said == 0)) {
        return usage("--requests", "or --tokens or --concurrency: a limit counts one of them");
    }
    const LimitUnit unit = *open               ? LimitUnit::kConcurrency
                           : tokens != nullptr ? LimitUnit::kTokens
                                               : LimitUnit::kRequests;
    if (!fresh && said == 1 && unit != limit.unit) {
        return usage("--requests", "or another: this limit counts " +
                                       std::string(limit_unit_name(limit.unit)) +
                                       ", and that stays so");
    }
    if (fresh) limit.unit = unit;
    if (*open) limit.amount = **open;
    Result<void> read;
    if (requests != nullptr) read = read_rate("--requests", *requests, limit);
    if (tokens != nullptr) read = read_rate("--tokens", *tokens, limit);
    return read ? read_manner(call, limit) : read;
}

Result<Answer> changed(Call& call, mesh::LimitOp op, const LimitRecord& wanted) {
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto change = (*mesh)->limit_change(op, wanted);
    if (!change) return fail(change.error());
    Answer answer;
    add_fields(change->limit, answer);
    answer.data = limit_value(change->limit);
    const mesh::Stated said{
        change->limit.name, {}, mesh::kLimitRegister, change->limit.id, change->time};
    return spread(call, **mesh, said, std::move(answer));
}

Result<Answer> run_create(Call& call) {
    LimitRecord wanted;
    wanted.name = call.argument(0);
    if (auto read = read_scope(call, wanted.scope); !read) return fail(read.error());
    if (auto read = read_amount(call, wanted, true); !read) return fail(read.error());
    return changed(call, mesh::LimitOp::kCreate, wanted);
}

// What is not said stays as it is.
Result<Answer> run_set(Call& call) {
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto standing = (*mesh)->limit_standing(call.argument(0));
    if (!standing) return fail(standing.error());
    LimitRecord wanted = standing->limit;
    if (auto read = read_amount(call, wanted, false); !read) return fail(read.error());
    return changed(call, mesh::LimitOp::kSet, wanted);
}

Result<Answer> run_delete(Call& call) {
    LimitRecord wanted;
    wanted.name = call.argument(0);
    auto answer = changed(call, mesh::LimitOp::kDelete, wanted);
    if (answer) answer->fields.push_back({"Status", {"deleted", Tone::kBad}});
    return answer;
}

Result<Answer> run_list(Call& call) {
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto limits = (*mesh)->limit_list();
    if (!limits) return fail(limits.error());
    Answer answer;
    answer.table.columns = {{"NAME"},         {"SCOPE"},
                            {"COUNTS"},       {"AMOUNT", false, true},
                            {"WINDOW", true}, {"BURST", true, true},
                            {"MODE"},         {"ID", true}};
    Value::List items;
    for (const LimitRecord& limit : *limits) {
        items.push_back(limit_value(limit));
        answer.table.rows.push_back({{limit.name},
                                     {to_text(limit.scope)},
                                     {std::string(limit_unit_name(limit.unit))},
                                     {amount_text(limit)},
                                     {limit.fixed ? "fixed" : "sliding"},
                                     {limit.burst > 0 ? std::to_string(limit.burst) : ""},
                                     {std::string(limit_mode_name(limit.mode))},
                                     {limit.id}});
    }
    if (items.empty()) answer.note = "No limits yet: 'vidaictl limit create' makes one.\n";
    answer.data = {{"items", std::move(items)}};
    return answer;
}

const std::vector<Flag>& amount_flags() {
    static const std::vector<Flag> flags = {
        {"--requests", "N/TIME", "So many requests in a window, such as 1000/1m or 5/1s."},
        {"--tokens", "N/TIME", "So many tokens in a window, such as 2000000/1d."},
        {"--concurrency", "N", "Requests in flight, counted over the whole mesh."},
        {"--window", "KIND",
         "sliding, the default; or fixed: it begins anew at every whole TIME, UTC."},
        {"--burst", "N", "So much at once on one node, then at an even pace. 0: no smoothing."},
        {"--mode", "MODE",
         "optimistic, the default: under a split each side may spend it all; or fair_share: a side "
         "may spend the share of the nodes that it sees."},
        {"--wait", "", "Until all nodes have it, or --timeout."}};
    return flags;
}

std::vector<Flag> create_flags() {
    std::vector<Flag> flags = {
        {"--scope", "FIELD=VALUE,...",
         "Whom it is for: key=ID, user=, team=, project=, model=ALIAS; all must fit. Default: all "
         "requests."},
        {"--each", "FIELD,...",
         "A counter for each key, user, team or project, instead of one for all of them."}};
    flags.insert(flags.end(), amount_flags().begin(), amount_flags().end());
    return flags;
}

}  // namespace

std::vector<Command> limit_commands() {
    return {{"limit",
             "create",
             "Make a limit, beside those of keys: requests that it is for stand under it at once.",
             {"NAME"},
             create_flags(),
             run_create},
            {"limit", "list", "List all limits that are resources of their own.", {}, {}, run_list},
            {"limit",
             "show",
             "Show the limits of a key, or a limit by its name, what is used of them, and BOUND: "
             "how much more than MAX the whole mesh can admit in a window.",
             {"KEY_ID|NAME"},
             {},
             run_show},
            {"limit",
             "set",
             "Change how much a limit allows; what is not said stays as it is.",
             {"NAME"},
             amount_flags(),
             run_set},
            {"limit",
             "delete",
             "Delete a limit, for good. Its name may be used again.",
             {"NAME"},
             {amount_flags().back()},
             run_delete}};
}

}  // namespace vidai::cli::commands
