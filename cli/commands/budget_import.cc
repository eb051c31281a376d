// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli/call.h"
#include "cli/commands/budget_file.h"
#include "cli/commands/command.h"
#include "cli/text_file.h"
#include "schema/vocabulary/usd.h"

namespace vidai::cli::commands {
namespace {

using mesh::BudgetChange;
using mesh::BudgetOp;
using print::Answer;
using print::Tone;
using print::Value;

using Definitions = std::map<BudgetId, BudgetDefinition>;

Result<Definitions> definitions_of(Operator& mesh) {
    const auto page = mesh.budget_list();
    if (!page) return fail(page.error());
    if (!page->silent.empty()) {
        return fail(ErrorCode::kUnavailable,
                    page->silent.front().str() +
                        " does not answer, and what it owns is not known: try again when it does",
                    page->silent.front().str());
    }
    if (page->unowned > 0) {
        return fail(ErrorCode::kUnavailable,
                    "nobody in reach owns " + std::to_string(page->unowned) +
                        " of 1024 parts of all budgets, and those in them are not known: "
                        "`vidaictl mesh doctor` says why",
                    "budgets");
    }
    Definitions out;
    for (const mesh::BudgetStanding& budget : page->budgets) {
        out.emplace(budget.budget, definition_of(budget));
    }
    return out;
}

Value definition_value(const BudgetDefinition& one) {
    return {{"name", one.budget.str()},
            {"limit_micro_usd", one.limit.value},
            {"window", one.window},
            {"tz", one.zone.empty() ? "UTC" : one.zone},
            {"alert", percents_text(one.alerts)},
            {"enforced", one.enforce}};
}

Result<Answer> run_export(Call& call) {
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    const auto all = definitions_of(**mesh);
    if (!all) return fail(all.error());
    Answer answer;
    std::vector<BudgetDefinition> ordered;
    Value::List items;
    for (const auto& [budget, one] : *all) {
        ordered.push_back(one);
        items.push_back(definition_value(one));
    }
    answer.verbatim = write_budget_file(ordered);
    answer.data = {{"items", std::move(items)}};
    return answer;
}

struct Step {
    BudgetChange change;
    struct Difference {
        std::string what, before, after;
    };
    std::vector<Difference> differences;
};

std::string calendar_text(const BudgetDefinition& one) {
    if (one.window == "none") return one.window;
    return one.window + ", " + (one.zone.empty() ? "UTC" : one.zone);
}
std::string mode_text(const BudgetDefinition& one) {
    return one.enforce ? "enforce" : "observe";
}

// What makes `before` like `after`; of a new one `before` is null. Nothing where they are alike.
Step step_to(const BudgetDefinition* before, const BudgetDefinition& after) {
    Step step;
    step.change.op = before == nullptr ? BudgetOp::kCreate : BudgetOp::kSet;
    step.change.budget = after.budget;
    const auto differ = [&](const char* what, auto text) {
        step.differences.push_back({what, before == nullptr ? "" : text(*before), text(after)});
    };
    const auto limit_text = [](const BudgetDefinition& one) { return print_usd(one.limit); };
    if (before == nullptr || before->limit != after.limit) {
        step.change.limit = after.limit;
        differ("limit", limit_text);
    }
    const BudgetDefinition& old = before == nullptr ? BudgetDefinition{} : *before;
    if (old.window != after.window || old.zone != after.zone) {
        step.change.window = after.window;
        step.change.zone = after.zone;
        differ("window", calendar_text);
    }
    if (old.alerts != after.alerts) {
        step.change.alerts = after.alerts;
        differ("alert", [](const BudgetDefinition& one) { return percents_text(one.alerts); });
    }
    if (old.enforce != after.enforce) {
        step.change.enforce = after.enforce;
        differ("mode", mode_text);
    }
    return step;
}

void add_rows(const Step& step, Answer& answer, Value::List& items) {
    const bool fresh = step.change.op == BudgetOp::kCreate;
    for (const Step::Difference& one : step.differences) {
        answer.table.rows.push_back({{fresh ? "create" : "set", fresh ? Tone::kGood : Tone::kWarn},
                                     {step.change.budget.str()},
                                     {one.what},
                                     {one.before},
                                     {one.after}});
        items.push_back({{"change", fresh ? "create" : "set"},
                         {"budget", step.change.budget.str()},
                         {"what", one.what},
                         {"before", one.before},
                         {"after", one.after}});
        if (!fresh && one.what == "window") {
            answer.note += step.change.budget.str() +
                           ": a window of another calendar begins at once, with the whole limit.\n";
        }
    }
}

Result<void> take(const std::vector<Step>& steps, Operator& mesh) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const auto done = mesh.budget_change(steps[i].change);
        if (done) continue;
        Error why = done.error();
        why.message += " (budget " + steps[i].change.budget.str() + "; " + std::to_string(i) +
                       " of " + std::to_string(steps.size()) +
                       " budgets were changed before it: run the import again)";
        return fail(std::move(why));
    }
    return {};
}

Result<Answer> run_import(Call& call) {
    const std::string& path = call.argument(0);
    const auto text = read_text_file(path, kBudgetFileBytesMax);
    if (!text) return fail(text.error());
    const auto wanted = read_budget_file(*text, path);
    if (!wanted) return fail(wanted.error());
    auto mesh = call.connect();
    if (!mesh) return fail(std::move(mesh).error());
    auto known = definitions_of(**mesh);
    if (!known) return fail(std::move(known).error());
    Answer answer;
    answer.table.columns = {{"CHANGE"}, {"BUDGET"}, {"WHAT"}, {"BEFORE"}, {"AFTER"}};
    std::vector<Step> steps;
    Value::List items, others;
    for (const BudgetDefinition& one : *wanted) {
        const auto before = known->find(one.budget);
        Step step = step_to(before == known->end() ? nullptr : &before->second, one);
        if (before != known->end()) known->erase(before);
        if (step.differences.empty()) continue;
        add_rows(step, answer, items);
        steps.push_back(std::move(step));
    }
    for (const auto& [budget, one] : *known) others.push_back(budget.str());
    const bool dry = call.flag("--dry-run") != nullptr;
    if (!dry) {
        if (auto taken = take(steps, **mesh); !taken) return fail(std::move(taken).error());
    }
    if (steps.empty()) answer.note += "Every budget is as the file says.\n";
    if (!others.empty()) {
        answer.note +=
            std::to_string(others.size()) + " budgets are not in the file and stay as they are.\n";
    }
    if (dry && !steps.empty()) answer.note += "Nothing was changed.\n";
    answer.data = {{"dry_run", dry}, {"items", std::move(items)}, {"others", std::move(others)}};
    return answer;
}

}  // namespace

std::vector<Command> budget_import_commands() {
    return {{"budget",
             "export",
             "Write the definitions of all budgets as a file, on standard output: limits, windows "
             "and modes. What was spent is not in it.",
             {},
             {},
             run_export},
            {"budget",
             "import",
             "Make and change budgets so that they are as a file says, and show what differs. What "
             "was spent of one stays spent; budgets that are not in the file stay as they are.",
             {"FILE"},
             {{"--dry-run", "", "Show what differs, and change nothing."}},
             run_import}};
}

}  // namespace vidai::cli::commands
