// SPDX-License-Identifier: Apache-2.0
#include "node/admit/funding.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace vidai::node::admit {
namespace {

using mesh::budget::BudgetEntry;
using State = BudgetEntry::State;

// What is in the way, the one that no waiting helps first.
enum class Lack : std::uint8_t { kNothing, kBusy, kUnavailable, kExhausted, kDeleted, kUnknown };

Lack lack_of(const BudgetEntry& budget, MicroUsd worst_case, Patience patience) {
    const Lack exhausted = budget.renewal_untold ? Lack::kUnavailable : Lack::kExhausted;
    switch (budget.state) {
        case State::kExhausted:
            // What is left would do for this one: whoever has it may give it back.
            return budget.left < worst_case ? exhausted : Lack::kBusy;
        case State::kOpen: {
            const bool told = budget.account != nullptr && patience == Patience::kIsOver;
            return told && budget.left < worst_case ? exhausted : Lack::kBusy;
        }
        default:
            return Lack::kUnavailable;
    }
}

// Why it is unavailable: where that is not its own state, as in lack_of().
State why(const BudgetEntry& budget) {
    const bool spent = budget.state == State::kOpen || budget.state == State::kExhausted;
    return spent && budget.renewal_untold ? State::kClock : budget.state;
}

std::string usd(MicroUsd amount) {
    const std::int64_t micro = amount.value < 0 ? 0 : amount.value;
    const std::string decimals = std::to_string(1'000'000 + micro % 1'000'000).substr(1);
    return std::to_string(micro / 1'000'000) + "." + decimals + "usd";
}

// "2026-12-01T00:00:00Z"; empty for the zero time.
std::string utc_text(WallTime time) {
    using namespace std::chrono;
    if (time == WallTime{}) return {};
    const sys_time<milliseconds> since{time.time_since_epoch()};
    const auto day = floor<days>(since);
    const year_month_day date(day);
    const hh_mm_ss clock(floor<seconds>(since - day));
    const auto two = [](std::int64_t n) { return std::to_string(100 + n % 100).substr(1); };
    return std::to_string(static_cast<int>(date.year())) + "-" +
           two(static_cast<unsigned>(date.month())) + "-" + two(static_cast<unsigned>(date.day())) +
           "T" + two(clock.hours().count()) + ":" + two(clock.minutes().count()) + ":" +
           two(clock.seconds().count()) + "Z";
}

std::string_view reason_of(Lack lack, State state) {
    switch (lack) {
        case Lack::kUnavailable:
            return mesh::budget::state_name(state);
        case Lack::kExhausted:
            return "exhausted";
        case Lack::kDeleted:
            return "deleted";
        case Lack::kUnknown:
            return "unknown";
        default:
            return "busy";
    }
}

std::string why_unavailable(State state) {
    switch (state) {
        case State::kOwnerUnreachable:
            return "the node that has its money cannot be reached from here";
        case State::kNoCustodian:
            return "the node that has its money reaches too few of those that keep copies";
        case State::kTakeover:
            return "the node that had its money is gone and another takes over";
        case State::kLogFrozen:
            return "its log is frozen; an operator must look at it";
        case State::kLogLost:
            return "its log is lost; an operator must decide";
        case State::kClock:
            return "a clock is off, so that no new window opens";
        default:
            return "it gives no reason";
    }
}

// Of one that money alone is behind.
ErrorCode code_of(Lack lack) {
    if (lack == Lack::kUnavailable) return ErrorCode::kBudgetUnavailable;
    return lack == Lack::kExhausted ? ErrorCode::kBudgetExhausted : ErrorCode::kBudgetBusy;
}

Error error_of(Lack lack, const std::string& id, const BudgetEntry* budget, MicroUsd worst_case,
               const std::string& renews) {
    const std::string name = "the budget " + id;
    switch (lack) {
        case Lack::kUnknown:
            return {ErrorCode::kBudgetUnknown,
                    "this key stands under " + name +
                        ", which this mesh does not know; without it nothing may be spent. Ask who "
                        "runs the gateway to create it",
                    ""};
        case Lack::kDeleted:
            return {ErrorCode::kBudgetDeleted,
                    name + ", which this key stands under, has been deleted", ""};
        case Lack::kExhausted:
            return {ErrorCode::kBudgetExhausted,
                    name + " has " + usd(budget->left) + " of " + usd(budget->limit) +
                        " left and this request may cost " + usd(worst_case) + "; " +
                        (renews.empty() ? "it does not renew" : "it renews at " + renews),
                    ""};
        case Lack::kUnavailable:
            return {ErrorCode::kBudgetUnavailable,
                    name + " cannot grant money just now: " + why_unavailable(why(*budget)) + " (" +
                        std::string(mesh::budget::state_name(why(*budget))) +
                        "). Try again as retry-after says",
                    ""};
        default:
            return {ErrorCode::kBudgetBusy,
                    "what is left of " + name +
                        " is reserved by other requests, and this one may cost " + usd(worst_case) +
                        "; try again as retry-after says",
                    ""};
    }
}

Funding refused(Lack lack, const BudgetId& id, const BudgetEntry* budget, MicroUsd worst_case) {
    const State state = budget != nullptr ? why(*budget) : State{};
    Funding out;
    out.step = Funding::Step::kRefused;
    out.refusal = request::BudgetRefusal{id.str(), reason_of(lack, state),
                                         budget != nullptr ? utc_text(budget->renews) : ""};
    out.error = error_of(lack, id.str(), budget, worst_case, out.refusal->renews_at);
    return out;
}

// What that one may come to grant. `left` lags behind what was granted here.
MicroUsd reach_of(const BudgetEntry& budget, Patience patience) {
    const MicroUsd here = budget.account != nullptr ? budget.account->free() : MicroUsd{};
    return patience == Patience::kIsOver ? here : std::max(here, budget.left);
}

}  // namespace

bool binds(const mesh::state::KeyRecord& key, const mesh::budget::BudgetTable& budgets) {
    for (const BudgetId& id : key.budgets) {
        const BudgetEntry* const budget = budgets.find(id.str());
        if (budget != nullptr && budget->state != State::kDeleted && budget->enforce) return true;
    }
    return false;
}

Funding fund(Permit& permit, const mesh::state::KeyRecord& key, MicroUsd worst_case,
             const mesh::budget::BudgetTable& budgets, mesh::budget::Cashier& cashier,
             Patience patience) {
    Funds funds;
    std::array<const BudgetId*, Funds::kBudgetsMax> lacking;
    std::size_t lacks = 0;
    std::array<mesh::budget::Account*, Funds::kBudgetsMax> watched;
    std::size_t watches = 0;
    Lack worst = Lack::kNothing, would = Lack::kNothing;
    const BudgetId* worst_id = nullptr;
    const BudgetEntry* worst_budget = nullptr;
    std::optional<MicroUsd> reach;
    for (const BudgetId& id : key.budgets) {
        const BudgetEntry* const budget = budgets.find(id.str());
        Lack lack = Lack::kNothing;
        if (budget == nullptr) {
            lack = Lack::kUnknown;
        } else if (budget->state == State::kUnknown) {  // it may have been made since
            lack = Lack::kUnknown;
            lacking[lacks++] = &id;
        } else if (budget->state == State::kDeleted) {
            lack = Lack::kDeleted;
        } else if (budget->account != nullptr && budget->account->reserve(worst_case)) {
            funds.add(budget->account, worst_case, budget->enforce);
        } else if (worst_case.value > 0) {
            lacking[lacks++] = &id;
            lack = lack_of(*budget, worst_case, patience);
            if (budget->enforce) {
                const MicroUsd within = reach_of(*budget, patience);
                reach = std::min(reach.value_or(within), within);
            } else if (lack != Lack::kBusy || patience == Patience::kIsOver) {
                would = std::max(would, std::exchange(lack, Lack::kNothing));
                if (budget->account != nullptr) {
                    watched[watches++] = budget->account.get();
                    funds.add(budget->account, {}, false);
                }
            }
        }
        if (lack <= worst) continue;
        worst = lack;
        worst_id = &id;
        worst_budget = budget;
    }
    if (worst > Lack::kNothing) funds.give_back();  // before others are asked to
    for (std::size_t i = 0; i < lacks; ++i) cashier.ask(*lacking[i], worst_case);
    if (worst == Lack::kNothing) {
        permit.fund(std::move(funds), worst_case);
        for (std::size_t i = 0; i < watches; ++i) watched[i]->on_would_refuse();
        Funding out;
        if (would > Lack::kNothing) out.would_refuse = code_of(would);
        return out;
    }
    if (worst == Lack::kBusy && patience == Patience::kMayWait) {
        Funding out;
        out.step = Funding::Step::kWait;
        out.reach = reach;
        return out;
    }
    Funding out = refused(worst, *worst_id, worst_budget, worst_case);
    const bool untold = worst == Lack::kUnavailable && worst_budget->renewal_untold;
    if (worst == Lack::kBusy || worst == Lack::kExhausted || untold) out.reach = reach;
    return out;
}

}  // namespace vidai::node::admit
