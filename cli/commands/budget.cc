// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "cli/call.h"
#include "cli/commands/budget_file.h"
#include "cli/commands/budget_text.h"
#include "cli/commands/command.h"
#include "cli/exit_code.h"
#include "schema/vocabulary/usd.h"

namespace vidai::cli::commands {
namespace {

using mesh::BudgetChange;
using mesh::BudgetOp;
using mesh::BudgetStanding;
using print::Answer;
using print::Tone;
using print::Value;

// Which zones there are is known to the nodes.
Result<BudgetChange> change_of(Call& call, BudgetOp op) {
    const auto budget = budget_argument(call);
    if (!budget) return fail(budget.error());
    BudgetChange change{.op = op, .budget = *budget};
    if (const std::string* const text = call.flag("--limit")) {
        change.limit = parse_usd(*text);
        if (!change.limit) {
            return fail(ErrorCode::kUsage,
                        "--limit takes an amount such as 50usd or 0.25usd, with at most six "
                        "decimals",
                        "--limit");
        }
    } else if (op == BudgetOp::kCreate) {
        return fail(ErrorCode::kUsage, "a budget needs a limit: --limit AMOUNT, such as 50usd",
                    "--limit");
    }
    if (const std::string* const window = call.flag("--window")) {
        constexpr std::array<std::string_view, 5> kWindows = {"none", "day", "week", "month",
                                                              "year"};
        if (std::ranges::find(kWindows, *window) == kWindows.end()) {
            return fail(ErrorCode::kUsage, "--window takes day, week, month, year or none",
                        "--window");
        }
        change.window = *window;
    }
    if (const std::string* const zone = call.flag("--tz")) {
        if (change.window.empty() || change.window == "none") {
            return fail(ErrorCode::kUsage,
                        "--tz says whose day, week, month or year it is: it needs --window",
                        "--tz");
        }
        change.zone = *zone;
    }
    const bool observe = call.flag("--observe") != nullptr;
    if (observe && call.flag("--enforce") != nullptr) {
        return fail(ErrorCode::kUsage, "a budget is either observed or enforced", "--observe");
    }
    if (observe || call.flag("--enforce") != nullptr) change.enforce = !observe;
    if (const std::string* const alerts = call.flag("--alert")) {
        change.alerts = parse_percents(*alerts);
        if (!change.alerts) {
            return fail(ErrorCode::kUsage,
                        "--alert takes up to 8 rising percentages such as 50%,80%,100%, or none",
                        "--alert");
        }
    }
    if (!change.limit && change.window.empty() && !change.enforce && !change.alerts) {
        return fail(ErrorCode::kUsage,
                    "say what to change: --limit, --window, --alert, --observe or --enforce",
                    "--limit");
    }
    return change;
}

Result<Answer> change(Call& call, BudgetOp op) {
    const auto wanted = change_of(call, op);
    if (!wanted) return fail(wanted.error());
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto now_is = (*mesh)->budget_change(*wanted);
    if (!now_is) return fail(now_is.error());
    Answer answer;
    add_fields(*now_is, answer);
    answer.data = budget_value(*now_is);
    return answer;
}

Result<Answer> run_create(Call& call) {
    return change(call, BudgetOp::kCreate);
}

Result<Answer> run_set(Call& call) {
    return change(call, BudgetOp::kSet);
}

Result<Answer> run_delete(Call& call) {
    const auto budget = budget_argument(call);
    if (!budget) return fail(budget.error());
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto gone = (*mesh)->budget_change({.op = BudgetOp::kDelete, .budget = *budget});
    if (!gone) return fail(gone.error());
    Answer answer;
    answer.fields = {{"Deleted", {budget->str()}}};
    answer.note = "Requests of keys that stand under it are refused.\n";
    answer.data = {{"budget", budget->str()}, {"deleted", true}};
    return answer;
}

Result<Answer> run_show(Call& call) {
    const auto name = budget_argument(call);
    if (!name) return fail(name.error());
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto budget = (*mesh)->budget_show(*name);
    if (!budget) return fail(budget.error());
    Answer answer;
    add_fields(*budget, answer);
    answer.fields.push_back({"Pool", {print_usd(budget->pool)}});
    answer.table.columns = {{"HOLDER"},
                            {"SPENT", false, true},
                            {"HELD", false, true},
                            {"RETURNED", true, true},
                            {"STATUS"}};
    for (const BudgetStanding::Lease& lease : budget->leases) {
        answer.table.rows.push_back(
            {{lease.holder.str()},
             {print_usd(lease.spent)},
             {print_usd(lease.held())},
             {print_usd(lease.returned)},
             {lease.lost ? "stranded" : "held", lease.lost ? Tone::kWarn : Tone::kPlain}});
    }
    answer.data = budget_value(*budget);
    return answer;
}

Result<Answer> run_list(Call& call) {
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto page = (*mesh)->budget_list();
    if (!page) return fail(page.error());
    Answer answer;
    answer.table.columns = {
        {"BUDGET"}, {"LIMIT", false, true}, {"LEFT", false, true}, {"MODE"}, {"WINDOW"}, {"RENEWS"},
        {"OWNER"}};
    Value::List items, silent;
    for (const BudgetStanding& budget : page->budgets) {
        items.push_back(budget_value(budget));
        answer.table.rows.push_back(
            {{budget.budget.str()},
             {print_usd(in_force(budget)) + (budget.top_ups.empty() ? "" : "+")},
             {print_usd(budget.left), budget.left.value <= 0 ? Tone::kBad : Tone::kPlain},
             {budget.enforce ? "enforced" : "observed",
              budget.enforce ? Tone::kPlain : Tone::kWarn},
             {has_windows(budget) ? budget.window : "-"},
             renewal_cell(budget),
             {budget.owner.str()}});
    }
    if (items.empty() && page->silent.empty() && page->unowned == 0) {
        answer.note = "No budgets yet: 'vidaictl budget create' makes one.\n";
    }
    for (const NodeId& node : page->silent) {
        silent.push_back(node.str());
        answer.note += node.str() + " does not answer: budgets that it owns are not shown.\n";
    }
    if (page->unowned > 0) {
        answer.note += "Nobody in reach owns " + std::to_string(page->unowned) +
                       " of 1024 parts of all budgets: those in them are not shown. `vidaictl mesh "
                       "doctor` says why.\n";
    }
    if (std::ranges::any_of(page->budgets, [](const auto& one) { return !one.top_ups.empty(); })) {
        answer.note += "+: with top-ups; `vidaictl budget show NAME` lists them.\n";
    }
    if (!page->silent.empty() || page->unowned > 0) answer.status = kExitUnavailable;
    answer.data = {{"items", std::move(items)},
                   {"silent", std::move(silent)},
                   {"unowned_parts", static_cast<std::int64_t>(page->unowned)}};
    return answer;
}

constexpr Flag kLimit = {"--limit", "AMOUNT", "So much may be spent, such as 50usd.", true};
constexpr Flag kNewLimit = {"--limit", "AMOUNT", "So much may be spent, such as 50usd."};
constexpr Flag kWindow = {
    "--window", "PERIOD",
    "When it begins anew: each day, week (from Monday), month or year; or none: never."};
constexpr Flag kZone = {
    "--tz", "ZONE",
    "Whose clocks that goes by: a name of the IANA database such as Europe/Berlin. Default: UTC."};

constexpr Flag kAlert = {"--alert", "PERCENTS",
                         "Tell when so much of it is spent, such as 50%,80%,100%: once each in a "
                         "window, in the log and to the webhook of the node that owns it. none: "
                         "never."};
constexpr Flag kObserve = {"--observe", "",
                           "Count what it would refuse, and refuse nothing: to try a limit out."};
constexpr Flag kEnforce = {"--enforce", "", "Refuse what it cannot cover: the default."};

}  // namespace

std::vector<Command> budget_commands() {
    return {{"budget",
             "create",
             "Make a hard budget: what the whole mesh may spend under it. In force when this "
             "returns; keys stand under it with `vidaictl key create --budget NAME`.",
             {"NAME"},
             {kLimit, kWindow, kZone, kAlert, kObserve, kEnforce},
             run_create},
            {"budget",
             "list",
             "List all budgets, what is left of each and when it renews.",
             {},
             {},
             run_list},
            {"budget",
             "show",
             "Show a budget as the node that owns it knows it, and who holds how much of it.",
             {"NAME"},
             {},
             run_show},
            {"budget",
             "set",
             "Change the limit of a budget, its window, its thresholds or whether it is enforced. "
             "A lower limit "
             "binds at once: what "
             "is spent or held beyond it stays so, and nothing more is granted. Another window "
             "begins at once, with the whole limit.",
             {"NAME"},
             {kNewLimit, kWindow, kZone, kAlert, kObserve, kEnforce},
             run_set},
            {"budget",
             "delete",
             "Delete a budget. Requests of keys that stand under it are refused; made again with "
             "the same window, it keeps what was spent of it.",
             {"NAME"},
             {},
             run_delete}};
}

}  // namespace vidai::cli::commands
