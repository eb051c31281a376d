// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/print/text.h"
#include "schema/vocabulary/usd.h"

namespace vidai::cli::commands {
namespace {

using mesh::BudgetOp;
using mesh::BudgetStanding;
using print::Answer;
using print::Tone;
using print::Value;

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
            {"left_micro_usd", budget.left.value},
            {"in_use_micro_usd", budget.in_use.value},
            {"pool_micro_usd", budget.pool.value},
            {"leases", std::move(leases)}};
}

void add_fields(const BudgetStanding& budget, Answer& answer) {
    const bool dry = budget.left.value <= 0;
    answer.fields = {{"Budget", {budget.budget.str()}},
                     {"Owner", {budget.owner.str()}},
                     {"Limit", {print_usd(budget.limit)}},
                     {"Left", {print_usd(budget.left), dry ? Tone::kBad : Tone::kGood}}};
}

Result<BudgetId> budget_argument(const Call& call) {
    auto budget = parse_budget_id(call.argument(0));
    if (budget) return budget;
    return fail(ErrorCode::kUsage, budget.error().message, "NAME");
}

Result<Answer> change(Call& call, BudgetOp op) {
    const auto budget = budget_argument(call);
    if (!budget) return fail(budget.error());
    const std::string* const text = call.flag("--limit");
    const auto limit = text == nullptr ? std::nullopt : parse_usd(*text);
    if (!limit) {
        return fail(ErrorCode::kUsage,
                    "--limit takes an amount such as 50usd or 0.25usd, with at most six decimals",
                    "--limit");
    }
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto now_is = (*mesh)->budget_change(op, *budget, *limit);
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
    answer.table.columns = {{"BUDGET"}, {"LIMIT", false, true}, {"LEFT", false, true}, {"OWNER"}};
    Value::List items, silent;
    for (const BudgetStanding& budget : page->budgets) {
        items.push_back(budget_value(budget));
        answer.table.rows.push_back(
            {{budget.budget.str()},
             {print_usd(budget.limit)},
             {print_usd(budget.left), budget.left.value <= 0 ? Tone::kBad : Tone::kPlain},
             {budget.owner.str()}});
    }
    if (items.empty()) answer.note = "No budgets yet: 'vidaictl budget create' makes one.\n";
    for (const NodeId& node : page->silent) {
        silent.push_back(node.str());
        answer.note += node.str() + " does not answer: budgets that it owns are not shown.\n";
    }
    answer.data = {{"items", std::move(items)}, {"silent", std::move(silent)}};
    return answer;
}

constexpr Flag kLimit = {"--limit", "AMOUNT", "So much may be spent, such as 50usd.", true};

}  // namespace

std::vector<Command> budget_commands() {
    return {{"budget",
             "create",
             "Make a hard budget: what the whole mesh may spend under it. In force when this "
             "returns; keys stand under it with `vidaictl key create --budget NAME`.",
             {"NAME"},
             {kLimit},
             run_create},
            {"budget", "list", "List all budgets, and what is left of each.", {}, {}, run_list},
            {"budget",
             "show",
             "Show a budget as the node that owns it knows it, and who holds how much of it.",
             {"NAME"},
             {},
             run_show},
            {"budget",
             "set",
             "Change the limit of a budget. A lower one binds at once: what is spent or held "
             "beyond it stays so, and nothing more is granted.",
             {"NAME"},
             {kLimit},
             run_set}};
}

}  // namespace vidai::cli::commands
