// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "cli/audit/gather.h"
#include "cli/audit/judge.h"
#include "cli/call.h"
#include "cli/commands/command.h"
#include "cli/exit_code.h"
#include "cli/print/text.h"

namespace vidai::cli::commands {
namespace {

using audit::State;
using audit::Verdict;
using print::Answer;
using print::Tone;
using print::Value;

// Money that changes hands between two questions may look like a fault once, a fault stays.
constexpr int kTries = 3;
constexpr std::chrono::milliseconds kAgain{500};

Tone tone_of(State state) {
    constexpr Tone kTones[] = {Tone::kGood, Tone::kWarn, Tone::kBad};
    return kTones[static_cast<std::size_t>(state)];
}

std::set<BudgetId> broken_among(const std::vector<Verdict>& verdicts) {
    std::set<BudgetId> out;
    for (const Verdict& verdict : verdicts) {
        if (verdict.state == State::kBroken) out.insert(verdict.budget);
    }
    return out;
}

// What was not found broken each time is not: something moved meanwhile.
void soften(const std::set<BudgetId>& always, std::vector<Verdict>& verdicts) {
    for (Verdict& verdict : verdicts) {
        if (verdict.state != State::kBroken || always.contains(verdict.budget)) continue;
        verdict.state = State::kInDoubt;
        for (audit::Finding& finding : verdict.findings) {
            finding.state = std::min(finding.state, State::kInDoubt);
        }
        verdict.findings.push_back(
            {State::kInDoubt, "it looked otherwise a moment before: ask again"});
    }
}

Result<std::vector<Verdict>> examine(Call& call, Operator& mesh, const BudgetId& budget) {
    std::set<BudgetId> always;
    for (int i = 1;; ++i) {
        const auto books =
            audit::gather(call.world(), call.target(), mesh, budget, call.settings().timeout);
        if (!books) return fail(books.error());
        std::vector<Verdict> verdicts = audit::judge(*books);
        const std::set<BudgetId> broken = broken_among(verdicts);
        std::set<BudgetId> still;
        for (const BudgetId& one : broken) {
            if (i == 1 || always.contains(one)) still.insert(one);
        }
        always = std::move(still);
        if (broken.empty() || i == kTries) {
            soften(always, verdicts);
            return verdicts;
        }
        call.world().pause(kAgain);
    }
}

Value verdict_value(const Verdict& verdict) {
    Value::List findings;
    for (const audit::Finding& finding : verdict.findings) {
        findings.push_back({{"state", audit::state_name(finding.state)}, {"what", finding.what}});
    }
    return {{"budget", verdict.budget.str()},
            {"owner", verdict.owner.str()},
            {"state", audit::state_name(verdict.state)},
            {"findings", std::move(findings)},
            {"limit_micro_usd", verdict.limit.value},
            {"activated_micro_usd", verdict.activated.value},
            {"returned_micro_usd", verdict.returned.value},
            {"pool_micro_usd", verdict.pool.value},
            {"granted_micro_usd", verdict.granted.value},
            {"spent_micro_usd", verdict.spent.value},
            {"reserved_micro_usd", verdict.reserved.value},
            {"free_micro_usd", verdict.free.value}};
}

void add_rows(const Verdict& verdict, print::Table& table) {
    const bool one = !verdict.budget.empty();
    const auto amount = [&](MicroUsd value) {
        return print::Cell{one && !verdict.owner.empty() ? audit::usd_text(value) : ""};
    };
    table.rows.push_back({{std::string(audit::state_name(verdict.state)), tone_of(verdict.state)},
                          {one ? verdict.budget.str() : "(all)"},
                          {verdict.owner.str()},
                          amount(verdict.limit),
                          amount(verdict.activated),
                          amount(verdict.returned),
                          amount(verdict.pool),
                          amount(verdict.spent),
                          amount(verdict.reserved),
                          amount(verdict.free)});
}

Result<Answer> run_audit(Call& call) {
    BudgetId budget;
    if (call.arguments() > 0) {
        auto named = parse_budget_id(call.argument(0));
        if (!named) return fail(ErrorCode::kUsage, named.error().message, "NAME");
        budget = std::move(*named);
    }
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto verdicts = examine(call, **mesh, budget);
    if (!verdicts) return fail(verdicts.error());
    Answer answer;
    answer.table.columns = {{"STATE"},
                            {"BUDGET"},
                            {"OWNER"},
                            {"LIMIT", false, true},
                            {"ACTIVATED", false, true},
                            {"RETURNED", false, true},
                            {"POOL", false, true},
                            {"SPENT", false, true},
                            {"RESERVED", false, true},
                            {"FREE", false, true}};
    State worst = State::kOk;
    bool any = false;
    Value::List items;
    for (const Verdict& verdict : *verdicts) {
        worst = std::max(worst, verdict.state);
        any |= !verdict.budget.empty();
        items.push_back(verdict_value(verdict));
        add_rows(verdict, answer.table);
        for (const audit::Finding& finding : verdict.findings) {
            answer.note += (verdict.budget.empty() ? "all" : verdict.budget.str()) + ": " +
                           finding.what + ".\n";
        }
    }
    if (!budget.empty() && !any) {
        return fail(ErrorCode::kNotFound,
                    "no node that answers has a budget '" + budget.str() +
                        "'; `vidaictl budget list` shows all",
                    budget.str());
    }
    answer.data = {{"worst", audit::state_name(worst)}, {"items", std::move(items)}};
    if (items.empty() && verdicts->empty()) answer.note = "No budgets yet.\n";
    if (worst > State::kOk) answer.status = kExitFindings;
    return answer;
}

}  // namespace

std::vector<Command> budget_audit_commands() {
    return {{"budget",
             "audit",
             "Check on every node that can be asked that no money of a budget, or of all, was made "
             "or lost: what its owner has activated and lent, what each holder has spent, reserved "
             "and returned, and that the copies of the owner's log are its own. In doubt is what "
             "nodes know that were not heard. Changes nothing.",
             {"[NAME]"},
             {},
             run_audit}};
}

}  // namespace vidai::cli::commands
