// SPDX-License-Identifier: Apache-2.0
// Those who make, change and delete budgets.
#include <algorithm>
#include <utility>

#include "tests/sim/money/world.h"

namespace vidai::sim {

using namespace mesh::budget;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::size_t kBudgetsMax = 4;

}  // namespace

Rule MoneyWorld::draw_rule(Rng& rng) const {
    constexpr Period kChoices[] = {Period::kDay,  Period::kDay,   Period::kDay,
                                   Period::kWeek, Period::kMonth, Period::kNone};
    if (!story_.windows) return {};
    return {kChoices[rng.below(std::size(kChoices))], {}};
}

void MoneyWorld::create(std::size_t node, MicroUsd limit, Rng& rng) {
    if (budgets_.size() >= kBudgetsMax) return;
    const BudgetId budget("team-" + std::to_string(budgets_.size()));
    budgets_.push_back(budget);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].bank) publish(i, {budget});
    }
    wish(node, {0, Edit::Kind::kDefine, budget, limit, draw_rule(rng)});
}

void MoneyWorld::wish(std::size_t node, Edit edit) {
    constexpr const char* kKinds[] = {"make",   "limit",  "delete",    "window",
                                      "policy", "top-up", "end top-up"};
    edit.id = wishes_.size() + 1;
    wishes_[edit.id] = {edit, scheduler_.now(), std::nullopt};
    const bool allows = edit.kind == Edit::Kind::kDefine || edit.kind == Edit::Kind::kSetLimit;
    if (allows) bill_.asked(edit.budget, edit.limit, watch_.newest_window(edit.budget));
    if (edit.kind == Edit::Kind::kTopUp) {
        const Ordinal newest = watch_.newest_window(edit.budget);
        bill_.topped_up(edit.budget, edit.top_up_id, edit.top_up.amount, newest);
    }
    note("an operator at " + std::to_string(node) + " wants " +
         kKinds[static_cast<std::size_t>(edit.kind)] + " " + std::to_string(edit.limit.value) +
         " each " + std::string(period_name(edit.rule.period)) + " for " + edit.budget.str());
    if (!nodes_[node].bank) return;
    nodes_[node].bank->edit(edit, now());
    after(node);
}

void MoneyWorld::answered(const EditDone& done) {
    Wish& wish = wishes_.at(done.id);
    if (wish.over) return;
    wish.over = scheduler_.now();
    // Nothing was written, unless an answer of before was lost.
    wish.failed = !done.done && done.code != ErrorCode::kAlreadyExists;
    const Edit& edit = wish.edit;
    const auto may_have_opened = [&](const auto& one) {
        const Wish& other = one.second;
        return other.edit.kind == Edit::Kind::kTopUp && other.edit.budget == edit.budget &&
               other.edit.top_up_id == edit.top_up_id && !other.failed;
    };
    const bool refused = edit.kind == Edit::Kind::kTopUp && wish.failed;
    if (refused && std::ranges::none_of(wishes_, may_have_opened)) {
        bill_.never_opened(edit.budget, edit.top_up_id);
    }
    const bool binds = edit.kind == Edit::Kind::kSetLimit || edit.kind == Edit::Kind::kDelete;
    if (wish.failed || !binds) return;
    // One that was on its way meanwhile may be in force before it or after it.
    const bool others = std::ranges::any_of(wishes_, [&](const auto& one) {
        const Wish& other = one.second;
        return &other != &wish && other.edit.budget == edit.budget && !other.failed &&
               (!other.over || *other.over >= wish.asked);
    });
    const Bill::InUse in_use = watch_.in_use_before(edit);
    bill_.confirmed(edit.budget, edit.limit, in_use, others);
    if (edit.kind == Edit::Kind::kDelete && !others) bill_.ended_all(edit.budget, in_use);
}

void MoneyWorld::hear_of_ends() {
    for (const MoneyWatch::Ended& one : watch_.take_ended()) {
        bill_.ended(one.budget, one.id, one.in_use);
    }
}

// For as long as the event lasts, or until a day later, or as the window lasts; some are ended by
// hand before, and some said again.
void MoneyWorld::top_up(const MoneyEvent& event, const BudgetId& budget, Rng& rng) {
    Edit wanted{0, Edit::Kind::kTopUp, budget, {}};
    wanted.top_up_id = "t-" + std::to_string(wishes_.size());
    wanted.top_up.amount.value =
        1 + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(story_.limit)));
    const Duration lasts = event.lasts + (rng.chance(0.2) ? std::chrono::days(1) : Duration{});
    const bool with_the_window = story_.windows && rng.chance(0.3);
    if (!with_the_window) {
        wanted.top_up.until = true_time() + std::chrono::ceil<WallTime::duration>(lasts);
    }
    wish(event.node, wanted);
    const auto some_time = [&]() {
        return Duration(rng.below(static_cast<std::uint64_t>(event.lasts.count())));
    };
    if (rng.chance(0.4)) {  // by somebody who has not heard
        scheduler_.after(some_time() + some_time(), [this, node = event.other, wanted] {
            if (!healed_) wish(node, wanted);
        });
    }
    if (!rng.chance(0.4)) return;
    const Duration after = some_time();
    Edit end{0, Edit::Kind::kEndTopUp, budget, {}};
    end.top_up_id = wanted.top_up_id;
    scheduler_.after(after, [this, node = event.other, end] {
        if (!healed_) wish(node, end);
    });
}

void MoneyWorld::edit_some(const MoneyEvent& event) {
    Rng rng(event.seed);
    if (event.deed == MoneyDeed::kCreate) return create(event.node, {story_.limit}, rng);
    if (budgets_.empty()) return;
    const BudgetId budget = budgets_[rng.below(budgets_.size())];
    const auto most = static_cast<std::uint64_t>(story_.limit);
    if (event.deed == MoneyDeed::kSetRule) {
        return wish(event.node, {0, Edit::Kind::kSetRule, budget, {}, draw_rule(rng)});
    }
    if (event.deed == MoneyDeed::kDelete) {
        wish(event.node, {0, Edit::Kind::kDelete, budget, {}});
        const MicroUsd limit{static_cast<std::int64_t>(rng.below(2 * most))};
        const Edit again{0, Edit::Kind::kDefine, budget, limit, draw_rule(rng)};
        return scheduler_.after(event.lasts, [this, node = event.other, again] {
            if (!healed_) wish(node, again);
        });
    }
    if (event.deed == MoneyDeed::kTopUp) return top_up(event, budget, rng);
    const std::uint64_t to =
        event.deed == MoneyDeed::kRaise ? most + rng.below(2 * most) : rng.below(most);
    wish(event.node, {0, Edit::Kind::kSetLimit, budget, {static_cast<std::int64_t>(to)}});
}

}  // namespace vidai::sim
