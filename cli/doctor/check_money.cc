// SPDX-License-Identifier: Apache-2.0
// Whether hard budgets can be spent everywhere and would survive the next node's death. A mesh that
// has none is not checked.
#include <algorithm>
#include <string>
#include <vector>

#include "cli/doctor/checks.h"

namespace vidai::cli::doctor {

namespace {

bool has_money(const mesh::NodeReport* report) {
    return report->money && report->money->begun;
}

void judge_frozen(const mesh::NodeReport& report, bool any, Findings& out) {
    const mesh::MoneyReport& money = *report.money;
    const std::string id = report.self.id.str();
    // An operator who means to make the first budget wants to know, too.
    const Severity severity = any ? Severity::kError : Severity::kWarning;
    const std::string what = "spends no money of any budget: " + money.frozen;
    if (money.disowned) {
        out.push_back({severity, "", id, what,
                       "Its DATA_DIR/ledger is an older copy, a second one, or damaged. Stop what "
                       "else runs with a copy of it. Then stop the node, move that folder away and "
                       "start it: the others take over what its log had, and what was lent to it "
                       "and not reported counts as spent."});
        return;
    }
    out.push_back({severity, "", id, what,
                   "Mend that at DATA_DIR/ledger (space, permissions, the disk), then start the "
                   "node again. Where it cannot be mended, move that folder away before: what was "
                   "lent to it and not reported counts as spent, and what only it knew is lost."});
}

void judge_custodians(const mesh::NodeReport& report, Findings& out) {
    const mesh::MoneyReport& money = *report.money;
    const std::string id = report.self.id.str();
    if (money.owned == 0 || !money.frozen.empty()) return;
    if (money.custodians == 0) {
        const bool could = money.others >= std::max(money.wanted, 2U);
        out.push_back({could ? Severity::kWarning : Severity::kInfo, "", id,
                       "nobody keeps a copy of its log of budgets, whose money waits for it when "
                       "it is down",
                       could ? "That takes seconds after a start or a change of the mesh. If it "
                               "stays, see mesh.trouble in its log."
                             : "Run three nodes or more."});
        return;
    }
    if (money.away.empty()) return;
    const std::size_t here =
        money.custodians - std::min<std::size_t>(money.custodians, money.away.size());
    const bool stuck = here < money.needed;
    out.push_back({stuck ? Severity::kError : Severity::kWarning, "", id,
                   std::to_string(here) + " of " + std::to_string(money.custodians) +
                       " nodes that keep copies of its log of budgets are there: " +
                       listed(money.away) + (money.away.size() == 1 ? " is not" : " are not") +
                       (stuck ? ", so that it can lend no more" : ""),
                   "See above why: down, cut off, or its own log frozen. One that is gone for good "
                   "is replaced by another node by "
                   "itself where there are enough: three are for two copies."});
}

}  // namespace

void check_money(const Facts& facts, Findings& out) {
    const auto answered = reports(facts);
    const bool any = std::ranges::any_of(answered, has_money);
    std::vector<std::string> without;
    std::vector<std::string> budgets;
    std::uint32_t buckets = 0;
    for (const mesh::NodeReport* report : answered) {
        if (!report->money) continue;
        const mesh::MoneyReport& money = *report->money;
        if (!money.frozen.empty()) judge_frozen(*report, any, out);
        if (!money.begun) continue;
        judge_custodians(*report, out);
        if (money.unowned == 0) continue;
        without.push_back(report->self.id.str());
        buckets = std::max(buckets, money.unowned);
        for (const BudgetId& budget : money.cut_off) budgets.push_back(budget.str());
    }
    if (without.empty()) return;
    std::ranges::sort(budgets);
    budgets.erase(std::unique(budgets.begin(), budgets.end()), budgets.end());
    out.push_back(
        {budgets.empty() ? Severity::kWarning : Severity::kError, "", listed(without),
         "reach nobody who owns " + std::to_string(buckets) + " of 1024 parts of all budgets" +
             (budgets.empty() ? "" : ", among them " + listed(budgets)) +
             ": no more of them is spent there than was lent already",
         "Their owner is down, cut off or frozen: see above. Where others keep copies of its log, "
         "its heir has them some 10 s after it was found dead. Else start it again, with its data "
         "directory."});
}

std::string proven_money(const Facts& facts) {
    std::size_t with = 0;
    std::uint32_t copies = 0;
    bool first = true;
    for (const mesh::NodeReport* report : reports(facts)) {
        if (!has_money(report)) continue;
        ++with;
        if (report->money->owned == 0) continue;
        copies = first ? report->money->custodians : std::min(copies, report->money->custodians);
        first = false;
    }
    if (with == 0) return "";
    return "budgets have an owner wherever they are spent, on " + std::to_string(with) +
           " nodes, and each owner's log is kept by " + std::to_string(copies) + " others at least";
}

}  // namespace vidai::cli::doctor
