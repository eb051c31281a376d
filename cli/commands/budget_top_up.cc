// SPDX-License-Identifier: Apache-2.0
// `vidaictl budget top-up`: money beside a budget's limit, for a while.
#include <string>

#include "cli/call.h"
#include "cli/commands/budget_text.h"
#include "cli/commands/command.h"
#include "cli/commands/spread.h"
#include "mesh/pricing/rate_card.h"
#include "schema/vocabulary/usd.h"

namespace vidai::cli::commands {
namespace {

using mesh::BudgetChange;
using mesh::BudgetOp;
using print::Answer;

// From now on, or a date; nothing: it is the owner's to say.
Result<WallTime> until_of(const Call& call) {
    const std::string* const text = call.flag("--until");
    if (text == nullptr) return WallTime{};
    if (const auto time = mesh::pricing::parse_day(*text)) return *time;
    if (const auto span = parse_span("--until", *text)) return call.world().now + *span;
    return fail(ErrorCode::kUsage,
                "--until takes how long it is to last, such as 12h or 3d, or a date or time in UTC "
                "such as 2026-12-24 or 2026-12-24T18:00:00Z, not '" +
                    *text + "'",
                "--until");
}

Result<BudgetChange> change_of(const Call& call) {
    const auto budget = budget_argument(call);
    if (!budget) return fail(budget.error());
    const auto given = [&](const char* flag) { return call.flag(flag) != nullptr; };
    BudgetChange change{.op = BudgetOp::kTopUp, .budget = *budget};
    if (const std::string* const id = call.flag("--end")) {
        if (call.arguments() > 1 || given("--until") || given("--note") || given("--id")) {
            return fail(ErrorCode::kUsage, "--end ends a top-up, and says nothing else of it",
                        "--end");
        }
        change.op = BudgetOp::kEndTopUp;
        change.top_up.id = *id;
        return change;
    }
    const auto amount = call.arguments() > 1 ? parse_usd(call.argument(1)) : std::nullopt;
    if (!amount || amount->value == 0) {
        return fail(ErrorCode::kUsage,
                    "say how much: an amount such as 20usd or 0.25usd, with at most six decimals; "
                    "or end one with --end ID",
                    "AMOUNT");
    }
    const auto until = until_of(call);
    if (!until) return fail(until.error());
    change.top_up.amount = *amount;
    change.top_up.until = *until;
    if (const std::string* const id = call.flag("--id")) change.top_up.id = *id;
    if (const std::string* const note = call.flag("--note")) change.top_up.note = *note;
    return change;
}

Result<Answer> run_top_up(Call& call) {
    const auto wanted = change_of(call);
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

}  // namespace

std::vector<Command> budget_top_up_commands() {
    return {{"budget",
             "top-up",
             "Let more be spent of a budget for a while, beside its limit: at once, until the end "
             "of the window that is, or --until. Up to 16 of a budget may be open; `vidaictl "
             "budget show` lists them.",
             {"NAME", "[AMOUNT]"},
             {{"--until", "TIME",
               "How long it lasts: such as 12h or 3d, or a date or time in UTC such as 2026-12-24. "
               "A budget without windows needs it."},
              {"--note", "TEXT", "For people: why, at most 200 bytes."},
              {"--id", "ID",
               "Its name, so that saying it again tops up once: lower case letters, digits and -. "
               "Default: one that nobody has."},
              {"--end", "ID", "End that one now; what was spent of it stays spent."}},
             run_top_up}};
}

}  // namespace vidai::cli::commands
