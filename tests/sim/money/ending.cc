// SPDX-License-Identifier: Apache-2.0
// What must be left in the end: all that was not lost with processes that ended, in the window that
// it is by then.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "tests/sim/money/world.h"

namespace vidai::sim {

using namespace mesh::budget;  // NOLINT(google-build-using-namespace)
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::int64_t kParts = 100;  // of a limit: the cheapest request in the end
// A clock that was put right is not trusted for a minute.
constexpr Duration kHealing = seconds(25), kTrusted = seconds(65);
// So much before midnight the last spending waits for it.
constexpr Duration kLastSpending = std::chrono::minutes(10);
// An owner looks at each of its budgets so often, and writes it down.
constexpr auto kEndsWithin = seconds(5);

}  // namespace

void MoneyWorld::spend_the_rest() {
    for (const BudgetId& budget : budgets_) {
        const auto today = true_time().time_since_epoch();
        if (story_.windows && today + kLastSpending > std::chrono::ceil<std::chrono::days>(today)) {
            night({});
            run(seconds(5));
        }
        spend_the_rest(budget);
        judge(budget);
    }
    for (const Node& at : nodes_) {
        if (at.bank) watch_.compare(at.bank->books());
    }
    judge_given_away();
}

void MoneyWorld::spend_the_rest(const BudgetId& budget) {
    const std::int64_t cheapest = std::max<std::int64_t>(1, story_.limit / kParts);
    for (std::int64_t amount = story_.limit / 4 + 1; amount >= cheapest && !broken();) {
        bool got = false;
        const std::size_t first = clients_rng_.below(nodes_.size());
        for (std::size_t tried = 0; tried < nodes_.size() && !got; ++tried) {
            const std::size_t node = (tried + first) % nodes_.size();
            if (!nodes_[node].bank) continue;
            const MonoTime until = scheduler_.now() + milliseconds(2'500);
            while (!got && !broken() && scheduler_.now() < until) {
                got = try_spend(node, {{budget}, {amount}, until, true});
                if (!got) run(milliseconds(25));
            }
        }
        if (got) continue;
        if (amount == cheapest) break;
        amount = std::max(cheapest, amount / 4);
    }
}

void MoneyWorld::judge(const BudgetId& budget) {
    if (broken()) return;
    if (story_.rolls_back()) return judge_rolled_back(budget);
    if (lost_volumes_ > 0) return;  // what lay on two of them is not to be had
    const LogState* owner = watch_.owner_of(budget);
    // A log may just be going on in the next one.
    for (int tries = 0; owner == nullptr && tries < 20; ++tries) {
        run(milliseconds(100));
        owner = watch_.owner_of(budget);
    }
    const bool made = std::ranges::any_of(wishes_, [&](const auto& one) {
        const auto& [edit, asked, over, failed] = one.second;
        return over && !failed && edit.kind == Edit::Kind::kDefine && edit.budget == budget;
    });
    const BudgetState* state = owner == nullptr ? nullptr : owner->budget(budget);
    if (state == nullptr) {
        if (owner != nullptr && !made) return;
        watch_.violate("budget-usable",
                       "no log owns " + budget.str() + "; " + describe({budget, 0}), true);
        return;
    }
    if (state->deleted) return;
    const Ordinal first = state->calendar * kOrdinalsOfOne;
    const Ordinal today = first + window_at(state->rule, true_time()).ordinal;
    const Ordinal newest = state->windows.empty() ? 0 : state->windows.rbegin()->first;
    if (story_.windows && newest > first + window_at(state->rule, latest_).ordinal) {
        watch_.violate("windows-in-time", "window " + std::to_string(newest) + " of " +
                                              budget.str() + " is open, and no clock has said so");
    }
    judge_top_ups(budget, *state);
    judge_usable({budget, std::max(today, newest)}, *state);
}

void MoneyWorld::judge_top_ups(const BudgetId& budget, const BudgetState& state) {
    for (const auto& [id, one] : state.top_ups.open) {
        if (one.until + kEndsWithin > true_time()) continue;
        watch_.violate("top-ups-end",
                       "top-up " + id + " of " + budget.str() + " is open " +
                           std::to_string((true_time() - one.until).count()) + " ms after its time",
                       true);
    }
}

// An Out of which its log never hears that it was taken, or that it does not count, keeps that log
// for ever.
void MoneyWorld::judge_given_away() {
    if (broken() || story_.rolls_back() || lost_volumes_ > 0) return;
    for (const Node& at : nodes_) {
        if (!at.bank) continue;
        const Books& books = at.bank->books();
        for (const auto& [id, log] : books.own()) {
            const std::size_t open = log.ledger.state().passing().size();
            if (&log == books.newest() || open == 0) continue;
            watch_.violate("given-away-arrives",
                           std::to_string(open) + " Outs of log " +
                               std::to_string(id.ledger.bytes[0]) + "/" +
                               std::to_string(id.generation) + " are nobody's",
                           true);
        }
    }
}

void MoneyWorld::judge_rolled_back(const BudgetId& budget) {
    const auto times =
        1 + std::ranges::count(story_.events, MoneyDeed::kRollBack, &MoneyEvent::deed);
    for (const auto& [money, billed] : bill_.windows()) {
        if (detected_ || money.budget != budget) continue;
        if (billed.value <= bill_.most_ever(budget).value * times) continue;
        watch_.violate("detected-or-bounded", std::to_string(billed.value) + " billed of " +
                                                  std::to_string(bill_.most_ever(budget).value) +
                                                  ", and nobody noticed");
    }
}

void MoneyWorld::judge_usable(const BudgetWindow& money, const BudgetState& state) {
    std::set<Holder> living;
    MoneyWatch::Pools pools;
    for (const Node& at : nodes_) {
        if (!at.bank) continue;
        const Books& books = at.bank->books();
        living.insert({books.self(), books.boot()});
        for (const auto& [id, log] : books.own()) {
            pools[{id, books.boot()}] = log.ledger.pool(money);
        }
    }
    const auto window = state.windows.find(money.window);
    const WindowState none;
    const WindowState& used = window == state.windows.end() ? none : window->second;
    MicroUsd lost = watch_.stranded(money, used, living, pools);
    for (const auto& [name, amount] : bill_.written_off()) {
        if (name.second == money && living.contains(name.first.holder)) lost += amount;
    }
    const MicroUsd cheapest{std::max<std::int64_t>(1, story_.limit / kParts)};
    const MicroUsd limit = limit_of(state);
    if (bill_.of(money) + lost + cheapest > limit) return;
    watch_.violate("budget-usable",
                   std::to_string(bill_.of(money).value) + " billed of " +
                       std::to_string(limit.value) + " of " + money.budget.str() + " in window " +
                       std::to_string(money.window) + ", " + std::to_string(used.in_use().value) +
                       " in use, " + std::to_string(lost.value) + " lost; " + describe(money),
                   true);
}

std::string MoneyWorld::describe(const BudgetWindow& money) const {
    std::string out;
    for (const Node& at : nodes_) {
        if (!at.bank) continue;
        for (const auto& purse : at.bank->leases().all(money)) {
            const Balance has = purse.account->balance();
            out += "[" + std::to_string(purse.name.log.ledger.bytes[0]) + "/" +
                   std::to_string(purse.name.log.generation) + " " +
                   std::to_string(has.granted.value) + "-" + std::to_string(has.spent.value) + "-" +
                   std::to_string(has.reserved.value) + "-" + std::to_string(has.returned.value) +
                   "] ";
        }
        for (const auto& [name, lease] : at.bank->owner().leases(money)) {
            out += "{" + std::to_string(name.holder.ledger.bytes[0]) + " " +
                   std::to_string(lease.granted.value) + "-" + std::to_string(lease.spent.value) +
                   "-" + std::to_string(lease.returned.value) + "} ";
        }
        for (const auto& [id, log] : at.bank->books().own()) {
            const MicroUsd pool = log.ledger.pool(money);
            if (pool.value != 0) out += "pool " + std::to_string(pool.value) + " ";
        }
        out += at.bank->ready() ? "ready" : "not ready";
        if (!at.bank->frozen().empty()) out += " frozen";
        for (const auto& [id, log] : at.bank->books().own()) {
            const LogState& state = log.ledger.state();
            out += " " + std::to_string(id.generation) + ":" +
                   std::to_string(log.header().custodians.size()) +
                   (state.closed() ? "closed" : "") +
                   (state.owns(bucket_of(money.budget)) ? "OWNS" : "") + "@" +
                   std::to_string(log.ledger.committed()) + "/" + std::to_string(log.ledger.size());
        }
        out += "; ";
    }
    return out;
}

MicroUsd MoneyWorld::overspent() const {
    MicroUsd over;
    for (const auto& [money, billed] : bill_.windows()) {
        over += std::max(MicroUsd{}, billed - bill_.most(money));
    }
    return over;
}

std::optional<std::size_t> MoneyWorld::owner_of(const BudgetId& budget) const {
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
        if (!running(node)) continue;
        const LedgerKey* owner = nodes_[node].bank->owner_of(bucket_of(budget));
        if (owner != nullptr) return node_of(*owner);
    }
    return std::nullopt;
}

void MoneyWorld::begin() {
    run(story_.quiet);
    Rng rng(story_.seed ^ 0x6669727374);
    create(0, {story_.limit}, rng);
}

void MoneyWorld::live() {
    begin();
    Duration done{};
    for (const MoneyEvent& event : story_.events) {
        run(event.at - done);
        done = event.at;
        perform(event);
    }
    run(milliseconds(2'000));
    heal();
    run(story_.windows ? kTrusted : kHealing);
    spend_the_rest();
}

Outcome run_money(const MoneyStory& story, bool verbose) {
    MoneyWorld world(story);
    world.live();
    const Outcome outcome = world.outcome();
    if (verbose) {
        for (const std::string& line : outcome.history) std::printf("%s\n", line.c_str());
    }
    return outcome;
}

}  // namespace vidai::sim
