// SPDX-License-Identifier: Apache-2.0
// Those who spend, those who edit, what befalls them, and what must be left in the end.
#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "tests/sim/money/world.h"

namespace vidai::sim {

using namespace mesh::budget;  // NOLINT(google-build-using-namespace)
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Duration kPatience = milliseconds(400);
constexpr Duration kRetry = milliseconds(20);
constexpr std::size_t kWaitingMax = 16;
constexpr std::size_t kBudgetsMax = 4;
constexpr std::int64_t kParts = 100;  // of a limit: the cheapest request in the end

BudgetWindow money_of(const BudgetId& budget) {
    return {budget, 0};
}

}  // namespace

// --- clients

void MoneyWorld::think(std::size_t node) {
    scheduler_.after(
        Duration(clients_rng_.below(static_cast<std::uint64_t>(2 * story_.think.count()))),
        [this, node] { think(node); });
    Node& at = nodes_[node];
    if (!thinking_ || !story_.clients || !at.bank || budgets_.empty()) return;
    const BudgetId budget = budgets_[clients_rng_.below(budgets_.size())];
    const MicroUsd amount{1 + static_cast<std::int64_t>(
                                  clients_rng_.below(static_cast<std::uint64_t>(story_.dearest)))};
    const Request request{budget, amount, scheduler_.now() + kPatience};
    if (try_spend(node, request) || at.waiting.size() >= kWaitingMax) return;
    at.waiting.push_back(request);
}

// The provider charges what it charges, whatever becomes of the process that called it.
bool MoneyWorld::try_spend(std::size_t node, const Request& request) {
    Node& at = nodes_[node];
    const auto purse = at.bank->leases().purse(money_of(request.budget));
    if (purse && purse->account) {
        const Bill::Name name{purse->name, request.budget};
        watch_.holds(name, purse->account);
        if (purse->account->reserve(request.amount)) {
            const auto most = static_cast<std::uint64_t>(request.amount.value);
            const bool less = story_.estimates && !request.last_penny;
            const MicroUsd cost{
                static_cast<std::int64_t>(less ? clients_rng_.below(most + 1) : most)};
            bill_.charge(name, cost);
            watch_.billed(name);
            ++served_;
            trace(static_cast<std::uint64_t>(cost.value));
            const Duration call(
                clients_rng_.below(static_cast<std::uint64_t>(story_.call.count())));
            scheduler_.after(call, [this, node, life = at.life, account = purse->account,
                                    reserved = request.amount, cost] {
                if (nodes_[node].life == life) account->settle(reserved, cost);
            });
            return true;
        }
    }
    at.bank->on_ask(request.budget, request.amount, scheduler_.now());
    after(node);
    return false;
}

// Who waits looks whenever something has changed.
void MoneyWorld::retry(std::size_t node) {
    Node& at = nodes_[node];
    for (Request& one : std::exchange(at.waiting, {})) {
        if (!at.bank || one.until <= scheduler_.now()) continue;
        const auto purse = at.bank->leases().purse(money_of(one.budget));
        const bool covered = purse && purse->account && purse->account->free() >= one.amount;
        if (!covered || !try_spend(node, one)) at.waiting.push_back(std::move(one));
    }
}

// Of each budget the dearest, as often as workers ask.
void MoneyWorld::ask(std::size_t node) {
    scheduler_.after(kRetry, [this, node] { ask(node); });
    Node& at = nodes_[node];
    if (!at.bank || at.waiting.empty()) return;
    retry(node);
    std::map<BudgetId, MicroUsd> needs;
    for (const Request& one : at.waiting) {
        needs[one.budget] = std::max(needs[one.budget], one.amount);
    }
    for (const auto& [budget, need] : needs) {
        at.bank->on_ask(budget, need, scheduler_.now());
    }
    if (!needs.empty()) after(node);
}

// --- operators

void MoneyWorld::create(std::size_t node, MicroUsd limit) {
    if (budgets_.size() >= kBudgetsMax) return;
    const BudgetId budget("team-" + std::to_string(budgets_.size()));
    budgets_.push_back(budget);
    wish(node, {0, Edit::Kind::kDefine, budget, limit});
}

// Asked for again, as operators do, until somebody has answered.
void MoneyWorld::wish(std::size_t node, Edit edit) {
    edit.id = wishes_.size() + 1;
    wishes_[edit.id] = {edit, scheduler_.now(), std::nullopt};
    bill_.asked(edit.budget, edit.limit);
    note("an operator at " + std::to_string(node) + " wants " + std::to_string(edit.limit.value) +
         " for " + edit.budget.str());
    if (!nodes_[node].bank) return;
    nodes_[node].bank->edit(edit, scheduler_.now());
    after(node);
}

void MoneyWorld::answered(const EditDone& done) {
    Wish& wish = wishes_.at(done.id);
    if (wish.over) return;
    const bool known = done.code == ErrorCode::kAlreadyExists;
    if (!done.done && !known) return;  // nothing was written; or somebody is to ask again
    wish.over = scheduler_.now();
    if (wish.edit.kind != Edit::Kind::kSetLimit) return;
    // One that was on its way meanwhile may be in force before it or after it.
    const bool others = std::ranges::any_of(wishes_, [&](const auto& one) {
        const auto& [edit, asked, over] = one.second;
        return &one.second != &wish && edit.budget == wish.edit.budget &&
               (!over || *over >= wish.asked);
    });
    bill_.confirmed(wish.edit.budget, wish.edit.limit,
                    watch_.in_use_before(wish.edit.budget, wish.edit.limit), others);
}

void MoneyWorld::edit_some(const MoneyEvent& event) {
    if (event.deed == MoneyDeed::kCreate) return create(event.node, {story_.limit});
    if (budgets_.empty()) return;
    Rng rng(event.seed);
    const BudgetId budget = budgets_[rng.below(budgets_.size())];
    const auto limit = static_cast<std::uint64_t>(story_.limit);
    const std::uint64_t to =
        event.deed == MoneyDeed::kRaise ? limit + rng.below(2 * limit) : rng.below(limit);
    wish(event.node, {0, Edit::Kind::kSetLimit, budget, {static_cast<std::int64_t>(to)}});
}

// --- what befalls them

void MoneyWorld::cut(const MoneyEvent& event, bool on) {
    const auto in = [&](std::size_t node) { return ((event.group >> node) & 1) != 0; };
    for (std::size_t a = 0; a < nodes_.size(); ++a) {
        for (std::size_t b = 0; b < nodes_.size(); ++b) {
            const bool cut = event.deed == MoneyDeed::kPartition
                                 ? in(a) != in(b)
                                 : a == event.node && b != a && in(b);
            if (cut) wires_.block(a, b, on);
        }
    }
}

void MoneyWorld::perform(const MoneyEvent& event) {
    if (broken() || healed_) return;
    Node& at = nodes_[event.node];
    note(std::to_string(event.number) + ". " + std::string(deed_name(event.deed)) + " node " +
         std::to_string(event.node));
    Rng rng(event.seed);
    const auto undo = [&](auto what) {
        scheduler_.after(event.lasts, [this, what] {
            if (!healed_) what();
        });
    };
    switch (event.deed) {
        case MoneyDeed::kCrash:
        case MoneyDeed::kPowerLoss:
        case MoneyDeed::kBitRot:
        case MoneyDeed::kLoseVolume:
            if (!at.bank) return;
            stop(event.node, event.deed == MoneyDeed::kPowerLoss);
            if (event.deed == MoneyDeed::kBitRot) turn_bit(event.node, rng);
            if (event.deed == MoneyDeed::kLoseVolume) lose_volume(event.node);
            return back(event.node, event.lasts);
        case MoneyDeed::kDiskFull:
        case MoneyDeed::kFailedSync:
            if (!at.bank) return;
            at.volume->calls_left = event.deed == MoneyDeed::kDiskFull ? 0 : 1 + rng.below(3);
            return scheduler_.after(event.lasts, [this, node = event.node, life = at.life,
                                                  power = event.deed == MoneyDeed::kFailedSync] {
                if (nodes_[node].life != life) return;
                stop(node, power);
                start(node);
            });
        case MoneyDeed::kPartition:
        case MoneyDeed::kOneWay:
            cut(event, true);
            return undo([this, event] { cut(event, false); });
        case MoneyDeed::kLoss:
            wires_.set_loss(0.1 + 0.5 * rng.unit());
            return undo([this] { wires_.set_loss(story_.loss); });
        case MoneyDeed::kSlow:
            wires_.set_slow(milliseconds(rng.below(1'500)));
            return undo([this] { wires_.set_slow({}); });
        case MoneyDeed::kFalseDeath:
            if (!at.bank || event.other == event.node) return;
            at.bank->on_dead(key(event.other), scheduler_.now());
            return after(event.node);
        case MoneyDeed::kCreate:
        case MoneyDeed::kRaise:
        case MoneyDeed::kLower:
            return edit_some(event);
        case MoneyDeed::kRollBack:
            if (!at.bank) return;
            at.copy = at.volume->synced();
            return scheduler_.after(
                event.lasts, [this, node = event.node, copy = at.copy, volumes = at.volumes] {
                    if (nodes_[node].volumes != volumes) return;
                    stop(node, false);
                    nodes_[node].volume->put_back(copy);
                    start(node);
                });
        case MoneyDeed::kCount:
            return;
    }
}

void MoneyWorld::heal() {
    note("faults end");
    healed_ = true;
    thinking_ = false;
    wires_.heal();
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
        Node& at = nodes_[node];
        at.wanted = true;
        // Whose disk failed is started again.
        if (at.bank && !at.bank->frozen().empty()) stop(node, true);
        at.volume->end();
        start(node);
    }
}

// --- the end

void MoneyWorld::spend_the_rest() {
    const std::int64_t cheapest = std::max<std::int64_t>(1, story_.limit / kParts);
    for (const BudgetId& budget : budgets_) {
        for (std::int64_t amount = story_.limit / 4 + 1; amount >= cheapest && !broken();) {
            bool got = false;
            const std::size_t first = clients_rng_.below(nodes_.size());
            for (std::size_t tried = 0; tried < nodes_.size() && !got; ++tried) {
                const std::size_t node = (tried + first) % nodes_.size();
                if (!nodes_[node].bank) continue;
                const MonoTime until = scheduler_.now() + milliseconds(2'500);
                while (!got && !broken() && scheduler_.now() < until) {
                    got = try_spend(node, {budget, {amount}, until, true});
                    if (!got) run(milliseconds(25));
                }
            }
            if (got) continue;
            if (amount == cheapest) break;
            amount = std::max(cheapest, amount / 4);
        }
        judge(budget);
    }
    for (const Node& at : nodes_) {
        if (at.bank) watch_.compare(at.bank->books());
    }
}

void MoneyWorld::judge(const BudgetId& budget) {
    if (broken()) return;
    if (story_.rolls_back()) {
        const auto times =
            1 + std::ranges::count(story_.events, MoneyDeed::kRollBack, &MoneyEvent::deed);
        if (!detected_ && bill_.of(budget).value > bill_.most(budget).value * times) {
            watch_.violate("detected-or-bounded",
                           std::to_string(bill_.of(budget).value) + " billed of " +
                               std::to_string(bill_.most(budget).value) + ", and nobody noticed");
        }
        return;
    }
    if (lost_volumes_ > 0) return;  // what lay on two of them is not to be had
    const LogState* owner = watch_.owner_of(budget);
    if (owner == nullptr && watch_.waits_in_a_circle(budget)) return;
    const bool made = std::ranges::any_of(wishes_, [&](const auto& one) {
        return one.second.over.has_value() && one.second.edit.budget == budget;
    });
    const BudgetState* state = owner == nullptr ? nullptr : owner->budget(budget);
    if (state == nullptr) {
        if (owner != nullptr && !made) return;
        watch_.violate("budget-usable", "no log owns " + budget.str() + "; " + describe(budget),
                       true);
        return;
    }
    std::set<Holder> living;
    MoneyWatch::Pools pools;
    for (const Node& at : nodes_) {
        if (!at.bank) continue;
        const Books& books = at.bank->books();
        living.insert({books.self(), books.boot()});
        for (const auto& [id, log] : books.own()) {
            pools[{id, books.boot()}] = log.ledger.pool(money_of(budget));
        }
    }
    const auto window = state->windows.find(0);
    const WindowState none;
    const WindowState& used = window == state->windows.end() ? none : window->second;
    const MicroUsd stranded = watch_.stranded(budget, used, living, pools);
    const MicroUsd cheapest{std::max<std::int64_t>(1, story_.limit / kParts)};
    if (bill_.of(budget) + stranded + cheapest > state->limit) return;
    watch_.violate("budget-usable",
                   std::to_string(bill_.of(budget).value) + " billed of " +
                       std::to_string(state->limit.value) + " of " + budget.str() + ", " +
                       std::to_string(used.in_use().value) + " in use, " +
                       std::to_string(stranded.value) + " lost; " + describe(budget),
                   true);
}

std::string MoneyWorld::describe(const BudgetId& budget) const {
    std::string out;
    for (const Node& at : nodes_) {
        if (!at.bank) continue;
        for (const auto& purse : at.bank->leases().all(money_of(budget))) {
            const Balance has = purse.account->balance();
            out += "[" + std::to_string(purse.name.log.ledger.bytes[0]) + "/" +
                   std::to_string(purse.name.log.generation) + " " +
                   std::to_string(has.granted.value) + "-" + std::to_string(has.spent.value) + "-" +
                   std::to_string(has.reserved.value) + "-" + std::to_string(has.returned.value) +
                   "] ";
        }
        for (const auto& [name, lease] : at.bank->owner().leases(money_of(budget))) {
            out += "{" + std::to_string(name.holder.ledger.bytes[0]) + " " +
                   std::to_string(lease.granted.value) + "-" + std::to_string(lease.spent.value) +
                   "-" + std::to_string(lease.returned.value) + "} ";
        }
        for (const auto& [id, log] : at.bank->books().own()) {
            const MicroUsd pool = log.ledger.pool(money_of(budget));
            if (pool.value != 0) out += "pool " + std::to_string(pool.value) + " ";
        }
        out += at.bank->ready() ? "ready" : "not ready";
        if (!at.bank->frozen().empty()) out += " frozen";
        for (const auto& [id, log] : at.bank->books().own()) {
            const LogState& state = log.ledger.state();
            out += " " + std::to_string(id.generation) + ":" +
                   std::to_string(log.header().custodians.size()) +
                   (state.closed() ? "closed" : "") +
                   (state.owns(bucket_of(budget)) ? "OWNS" : "") + "@" +
                   std::to_string(log.ledger.committed()) + "/" +
                   std::to_string(log.ledger.entries().size());
        }
        out += "; ";
    }
    return out;
}

Outcome run_money(const MoneyStory& story, bool verbose) {
    MoneyWorld world(story);
    world.run(story.quiet);
    world.create(0, {story.limit});
    Duration now{};
    for (const MoneyEvent& event : story.events) {
        world.run(event.at - now);
        now = event.at;
        world.perform(event);
    }
    world.run(milliseconds(2'000));
    world.heal();
    world.run(seconds(25));
    world.spend_the_rest();
    const Outcome outcome = world.outcome();
    if (verbose) {
        for (const std::string& line : outcome.history) std::printf("%s\n", line.c_str());
    }
    return outcome;
}

}  // namespace vidai::sim
