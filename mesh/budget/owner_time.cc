// SPDX-License-Identifier: Apache-2.0
// What of an owner goes by the clock: windows, and what ends.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "mesh/budget/owner.h"
#include "schema/base/mutant.h"

namespace vidai::mesh::budget {

namespace {

// Where the end of a window is not known.
constexpr Duration kAskTheTimeAgain = std::chrono::milliseconds(1'000);
constexpr std::size_t kLookedAtOnce = 1'024;  // budgets, at each tick

}  // namespace

void Owner::on_clock(const std::optional<TimeOfDay>& time, MonoTime now) {
    clock_.reset();
    if (time) clock_ = Duration(time->wall.time_since_epoch()) - now.time_since_epoch();
    steady_ = time && time->steady;
}

bool Owner::tells_time(const BudgetState& budget) const {
    return budget.rule.period == Period::kNone || (clock_ && is_known(budget.rule));
}

// Never behind the log: whoever wrote that knew better.
std::optional<Window> Owner::window_of(const BudgetState& budget, MonoTime now) const {
    const Ordinal first = budget.calendar * kOrdinalsOfOne;
    if (budget.rule.period == Period::kNone) return Window{first, {}, {}};
    std::optional<Window> at;
    if (tells_time(budget)) {
        const Duration wall = now.time_since_epoch() + *clock_;
        at = window_at(budget.rule, WallTime(std::chrono::floor<WallTime::duration>(wall)));
        at->ordinal += first;
    }
    if (budget.windows.empty()) return at;
    const Ordinal newest = budget.windows.rbegin()->first;
    if (newest < first) return at;  // of a calendar before
    if (VIDAI_MUTANT("window-reopened") && at) return at;
    const bool leaps = at && at->ordinal > newest + 1 && !steady_;
    if (at && at->ordinal >= newest && !leaps) return at;
    return Window{newest, {}, {}};
}

Duration Owner::ends_in(const BudgetState& budget, MonoTime now) const {
    const auto at = window_of(budget, now);
    if (budget.rule.period == Period::kNone) return {};
    if (!at || !clock_ || at->end == WallTime{}) return kAskTheTimeAgain;
    const Duration left = Duration(at->end.time_since_epoch()) - now.time_since_epoch() - *clock_;
    return std::max<Duration>(left, std::chrono::milliseconds(1));
}

Result<TopUp> Owner::dated(const BudgetId& id, TopUp wanted, MonoTime now) const {
    const auto wrong = [&](const std::string& why) {
        return fail(ErrorCode::kInvalidRequest, "budget " + id.str() + ": " + why, "until");
    };
    const BudgetState* budget = ledger().state().budget(id);
    if (budget == nullptr) {
        return fail(ErrorCode::kNotFound, "budget " + id.str() + " is not in this log", id.str());
    }
    if (wanted.until == WallTime{}) {
        if (budget->rule.period == Period::kNone) {
            return wrong("it has no windows, so say how long the top-up is to last");
        }
        const auto window = window_of(*budget, now);
        if (!window || window->end == WallTime{}) {
            return fail(ErrorCode::kUnavailable,
                        "the node that owns budget " + id.str() +
                            " cannot tell when its window ends, its clock is off; say how long "
                            "the top-up is to last",
                        "until");
        }
        wanted.until = window->end;
    }
    if (is_due(*budget, wanted, now)) return wrong("a top-up until then would be over already");
    return wanted;
}

// A clock that is not steady is believed as far as the window that it may open.
bool Owner::is_due(const BudgetState& budget, const TopUp& one, MonoTime now) const {
    if (!clock_ || VIDAI_MUTANT("top-up-never-ends")) return false;
    const WallTime wall(std::chrono::floor<WallTime::duration>(now.time_since_epoch() + *clock_));
    if (steady_) return one.until <= wall;
    const auto window = window_of(budget, now);
    return window && one.until <= window->start;
}

// Before anything is activated behind its time.
void Owner::end_top_ups(const BudgetId& id, MonoTime now) {
    const BudgetState* budget = ledger().state().budget(id);
    if (budget == nullptr || budget->top_ups.open.empty() || ledger().state().closed()) return;
    const auto open = budget->top_ups.open;
    for (const auto& [name, one] : open) {
        if (is_due(*budget, one, now)) (void)ledger().append(EndTopUp{id, name});
    }
}

// What nobody asks for has its times, too.
void Owner::look_round(MonoTime now) {
    if (ledger().state().closed()) return;
    const Budgets& all = ledger().state().estate().budgets;
    auto at = all.upper_bound(looked_at_);
    for (std::size_t seen = 0; seen < kLookedAtOnce && at != all.end(); ++seen, ++at) {
        looked_at_ = at->first;
        end_top_ups(at->first.second, now);
    }
    if (at == all.end()) looked_at_ = {};
}

}  // namespace vidai::mesh::budget
