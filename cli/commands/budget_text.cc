// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/budget_text.h"

#include <algorithm>
#include <utility>

#include "cli/commands/budget_file.h"
#include "cli/commands/member_text.h"
#include "cli/print/text.h"
#include "schema/vocabulary/usd.h"

namespace vidai::cli::commands {

using mesh::BudgetStanding;
using print::Answer;
using print::Tone;
using print::Value;

namespace {

Value percents_value(const std::vector<std::uint8_t>& percents) {
    Value::List out;
    for (const std::uint8_t percent : percents) out.push_back(std::int64_t{percent});
    return out;
}

Value top_ups_value(const std::vector<mesh::BudgetTopUp>& all) {
    Value::List out;
    for (const mesh::BudgetTopUp& one : all) {
        out.push_back({{"id", one.id},
                       {"amount_micro_usd", one.amount.value},
                       {"until", time_value(one.until)},
                       {"note", one.note}});
    }
    return out;
}

// "2026-12-01T00:00:00Z"
std::string second_text(WallTime time) {
    std::string text = print::time_text(time);
    return text.erase(text.find('.'), 4);
}

}  // namespace

// Of a node of before top-ups, that says nothing of them, the limit.
MicroUsd in_force(const BudgetStanding& budget) {
    return std::max(budget.in_force, budget.limit);
}

Value budget_value(const BudgetStanding& budget) {
    Value::List leases;
    for (const BudgetStanding::Lease& lease : budget.leases) {
        leases.push_back({{"holder", lease.holder.str()},
                          {"granted_micro_usd", lease.granted.value},
                          {"spent_micro_usd", lease.spent.value},
                          {"returned_micro_usd", lease.returned.value},
                          {"lost", lease.lost}});
    }
    return {{"budget", budget.budget.str()},
            {"owner", budget.owner.str()},
            {"limit_micro_usd", budget.limit.value},
            {"in_force_micro_usd", in_force(budget).value},
            {"top_ups", top_ups_value(budget.top_ups)},
            {"left_micro_usd", budget.left.value},
            {"in_use_micro_usd", budget.in_use.value},
            {"window", budget.window},
            {"tz", budget.zone.empty() ? "UTC" : budget.zone},
            {"renews", time_value(budget.renews)},
            {"clock_off", budget.clock_off},
            {"enforced", budget.enforce},
            {"would_refuse", budget.would_refuse},
            {"alerts_percent", percents_value(budget.alerts)},
            {"alerted_percent", static_cast<std::int64_t>(budget.alerted)},
            {"pool_micro_usd", budget.pool.value},
            {"leases", std::move(leases)}};
}

bool has_windows(const BudgetStanding& budget) {
    return budget.window != "none";
}

// "2026-12-01T00:00:00Z"; empty: it has no windows, or nobody knows.
std::string renewal(const BudgetStanding& budget) {
    return budget.renews == WallTime{} ? std::string() : second_text(budget.renews);
}

void add_fields(const BudgetStanding& budget, Answer& answer) {
    const bool dry = budget.left.value <= 0;
    answer.fields = {{"Budget", {budget.budget.str()}},
                     {"Owner", {budget.owner.str()}},
                     {"Limit", {print_usd(budget.limit)}},
                     {"Left", {print_usd(budget.left), dry ? Tone::kBad : Tone::kGood}}};
    if (!budget.top_ups.empty()) {
        answer.fields.push_back({"In force", {print_usd(in_force(budget)) + " with top-ups"}});
    }
    for (const mesh::BudgetTopUp& one : budget.top_ups) {
        answer.fields.push_back(
            {"Top-up",
             {one.id + ": " + print_usd(one.amount) + " until " + second_text(one.until) +
              (one.note.empty() ? "" : " (" + one.note + ")")}});
    }
    if (!budget.enforce) {
        answer.fields.push_back({"Mode", {"observed: refuses nothing", Tone::kWarn}});
        answer.fields.push_back(
            {"Would refuse", {std::to_string(budget.would_refuse) + " requests so far"}});
    }
    if (!budget.alerts.empty()) {
        const std::string reached =
            budget.alerted > 0 ? ", reached " + std::to_string(budget.alerted) + "%" : "";
        answer.fields.push_back({"Alerts",
                                 {percents_text(budget.alerts) + reached,
                                  budget.alerted > 0 ? Tone::kWarn : Tone::kPlain}});
    }
    if (!has_windows(budget)) return;
    const std::string zone = budget.zone.empty() ? "UTC" : budget.zone;
    answer.fields.push_back({"Window", {budget.window + ", " + zone}});
    if (budget.clock_off) {
        answer.fields.push_back({"Renews",
                                 {"the clock of " + budget.owner.str() +
                                      " is off, or it does not know the time zone: no new window "
                                      "opens; see `vidaictl doctor`",
                                  Tone::kBad}});
    } else if (const std::string when = renewal(budget); !when.empty()) {
        answer.fields.push_back({"Renews", {when}});
    }
}

print::Cell renewal_cell(const BudgetStanding& budget) {
    if (budget.clock_off) return {"clock off", Tone::kBad};
    return {renewal(budget)};
}

Result<BudgetId> budget_argument(const Call& call) {
    auto budget = parse_budget_id(call.argument(0));
    if (budget) return budget;
    return fail(ErrorCode::kUsage, budget.error().message, "NAME");
}

}  // namespace vidai::cli::commands
