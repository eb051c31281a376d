// SPDX-License-Identifier: Apache-2.0
#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/print/text.h"

namespace vidai::cli::commands {
namespace {

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

Result<Answer> run_show(Call& call) {
    const Result<KeyId> id = call.key_argument(0);
    if (!id) return fail(id.error());
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

}  // namespace

std::vector<Command> limit_commands() {
    return {{"limit",
             "show",
             "Show the limits of a key, what is used of them, and BOUND: how much more than MAX "
             "the whole mesh can admit in a minute.",
             {"KEY_ID"},
             {},
             run_show}};
}

}  // namespace vidai::cli::commands
