// SPDX-License-Identifier: Apache-2.0
// Those who spend: workers, with the admission that ships, and a provider that bills.
#include <algorithm>
#include <utility>

#include "node/admit/funding.h"
#include "tests/sim/money/world.h"

namespace vidai::sim {

using namespace mesh::budget;  // NOLINT(google-build-using-namespace)
using node::admit::Funding;
using node::admit::Permit;
using std::chrono::milliseconds;

namespace {

constexpr Duration kPatience = milliseconds(400);
constexpr Duration kRetry = milliseconds(20);
constexpr std::size_t kWaitingMax = 16;

// What a worker asks its mesh thread for.
class Counter final : public Cashier {
  public:
    void ask(const BudgetId& budget, MicroUsd need) override {
        asked[budget] = std::max(asked[budget], need);
    }
    std::map<BudgetId, MicroUsd> asked;
};

bool covers(const BudgetEntry* entry, MicroUsd amount) {
    return entry != nullptr && entry->account && entry->account->free() >= amount;
}

}  // namespace

void MoneyWorld::think(std::size_t node) {
    scheduler_.after(
        Duration(clients_rng_.below(static_cast<std::uint64_t>(2 * story_.think.count()))),
        [this, node] { think(node); });
    Node& at = nodes_[node];
    if (!thinking_ || !story_.clients || !at.bank || budgets_.empty()) return;
    Request request{{budgets_[clients_rng_.below(budgets_.size())]}, {}, {}};
    const auto dearest = static_cast<std::uint64_t>(story_.dearest);
    request.amount.value =
        story_.equal ? story_.dearest : 1 + static_cast<std::int64_t>(clients_rng_.below(dearest));
    request.until = scheduler_.now() + kPatience;
    while (story_.nested && clients_rng_.chance(0.4)) {
        const BudgetId& another = budgets_[clients_rng_.below(budgets_.size())];
        if (std::ranges::find(request.budgets, another) != request.budgets.end()) break;
        request.budgets.push_back(another);
    }
    if (try_spend(node, request) || at.waiting.size() >= kWaitingMax) return;
    at.waiting.push_back(std::move(request));
}

// All of its budgets must grant, or none is touched.
bool MoneyWorld::try_spend(std::size_t node, const Request& request) {
    Call call{request.budgets, {}, Permit(counters_, {}), request.amount, request.last_penny};
    if (fund(node, call)) {
        // Who hangs up before anything was sent leaves nothing behind.
        const bool gone = story_.retries && !call.last_penny && clients_rng_.chance(0.1);
        if (!gone) send(node, std::move(call));
        return true;
    }
    return false;
}

bool MoneyWorld::fund(std::size_t node, Call& call) {
    Node& at = nodes_[node];
    mesh::state::KeyRecord key;
    key.budgets = call.budgets;
    Counter counter;
    const Funding funding = node::admit::fund(call.permit, key, call.amount, at.table, counter,
                                              node::admit::Patience::kMayWait);
    if (funding.step != Funding::Step::kFunded) {
        at.bank->on_asks(counter.asked, now());
        after(node);
        return false;
    }
    call.names.clear();
    for (const BudgetId& budget : call.budgets) {
        call.names.push_back(watch_.holder_of(*at.table.find(budget.str())->account));
    }
    return true;
}

// The provider charges what it charges, whatever becomes of the process that called it.
void MoneyWorld::send(std::size_t node, Call call) {
    call.permit.sent(call.amount);
    const auto most = static_cast<std::uint64_t>(call.amount.value);
    const bool less = story_.estimates && !call.last_penny;
    const MicroUsd cost{static_cast<std::int64_t>(less ? clients_rng_.below(most + 1) : most)};
    for (const Bill::Name& name : call.names) bill_.charge(name, cost);
    for (const Bill::Name& name : call.names) watch_.billed(name);
    ++served_;
    trace(static_cast<std::uint64_t>(cost.value));
    const Duration takes(clients_rng_.below(static_cast<std::uint64_t>(story_.call.count())));
    scheduler_.after(
        takes, [this, node, life = nodes_[node].life, call = std::move(call), cost]() mutable {
            if (nodes_[node].life == life) ended(node, std::move(call), cost);
        });
}

void MoneyWorld::ended(std::size_t node, Call call, MicroUsd cost) {
    const bool lost = story_.retries && !call.last_penny && clients_rng_.chance(0.2);
    if (!lost) {
        (void)call.permit.settle({}, cost, cost, {});
        return;
    }
    // Nobody here knows what it cost: all that was reserved stays spent. Tried again, or given up.
    (void)call.permit.lost();
    for (const Bill::Name& name : call.names) bill_.write_off(name, call.amount - cost);
    if (!clients_rng_.chance(0.7)) return;
    if (!call.permit.covers(call.amount)) {
        call.permit.conclude();
        if (!fund(node, call)) return;
    }
    send(node, std::move(call));
}

bool MoneyWorld::ask_once(std::size_t node, const BudgetId& budget, MicroUsd amount) {
    return running(node) && try_spend(node, {{budget}, amount, scheduler_.now(), false});
}

// Who waits looks whenever something has changed.
void MoneyWorld::retry(std::size_t node) {
    Node& at = nodes_[node];
    for (Request& one : std::exchange(at.waiting, {})) {
        if (!at.bank || one.until <= scheduler_.now()) continue;
        const bool covered = std::ranges::all_of(one.budgets, [&](const BudgetId& budget) {
            return covers(at.table.find(budget.str()), one.amount);
        });
        if (!covered || !try_spend(node, one)) at.waiting.push_back(std::move(one));
    }
}

// Of each budget the dearest that it does not cover, as often as workers ask.
void MoneyWorld::ask(std::size_t node) {
    scheduler_.after(kRetry, [this, node] { ask(node); });
    Node& at = nodes_[node];
    if (!at.bank || at.waiting.empty()) return;
    retry(node);
    std::map<BudgetId, MicroUsd> needs;
    for (const Request& one : at.waiting) {
        for (const BudgetId& budget : one.budgets) {
            if (covers(at.table.find(budget.str()), one.amount)) continue;
            needs[budget] = std::max(needs[budget], one.amount);
        }
    }
    if (needs.empty()) return;
    at.bank->on_asks(needs, now());
    after(node);
}

// What the mesh thread shows to its workers.
void MoneyWorld::publish(std::size_t node, const std::set<BudgetId>& budgets) {
    std::vector<BudgetEntry> changed;
    for (const BudgetId& budget : budgets) changed.push_back(entry_of(node, budget));
    if (!changed.empty()) nodes_[node].table = nodes_[node].table.with(changed);
}

BudgetEntry MoneyWorld::entry_of(std::size_t node, const BudgetId& budget) {
    BudgetEntry entry;
    entry.id = budget;
    const Leases& leases = nodes_[node].bank->leases();
    const Leases::Turn turn = leases.turn_of(budget);
    const BudgetWindow money{budget, turn.window};
    const auto purse = leases.purse(money);
    if (!purse) return entry;
    if (purse->position.standing == Standing::kUnknown) entry.state = BudgetEntry::State::kUnknown;
    if (purse->position.standing == Standing::kDeleted) entry.state = BudgetEntry::State::kDeleted;
    if (turn.over(now())) return entry;
    entry.account = purse->account;
    if (entry.account) watch_.holds({purse->name, money}, entry.account);
    return entry;
}

}  // namespace vidai::sim
