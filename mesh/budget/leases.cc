// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/leases.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "schema/base/mutant.h"

namespace vidai::mesh::budget {

namespace {

using std::chrono::milliseconds;

constexpr Duration kIdle = milliseconds(2'000);
// The same of a lease that is a small part of what its budget has left: to ask anew each time costs
// more than such a part is worth to others, who can have it by a recall.
constexpr Duration kIdleOfPlenty = std::chrono::minutes(1);
constexpr std::size_t kTicksOfAll = 20;  // in which each that is at rest is looked at once
constexpr std::int64_t kPlenty = 64;
// So many of the dearest requests are asked for ahead where they are a trifle of what is left.
constexpr std::int64_t kRequestsAhead = 8;
constexpr std::int64_t kTrifle = 1'024;
constexpr Duration kAskAheadAgain = milliseconds(1'000);  // where there was no more before
constexpr Duration kAskAgain = milliseconds(100);
// How long a bucket may be nobody's before its budgets are called unreachable.
constexpr Duration kPassing = milliseconds(1'000);
constexpr Duration kTellAgain = milliseconds(1'000);
constexpr Duration kTellSpent = milliseconds(5'000);  // of a lease in use; at once when it idles
constexpr MicroUsd kAll{std::numeric_limits<std::int64_t>::max()};

}  // namespace

std::optional<Leases::Purse> Leases::purse(const BudgetWindow& money) const {
    const auto of = money_.find(money);
    if (of == money_.end()) return std::nullopt;
    Purse found{{}, nullptr, of->second.position, of->second.dry, of->second.told};
    if (of->second.current) {
        found.name = of->second.current->name;
        found.account = of->second.current->account;
    }
    return found;
}

std::vector<Leases::Purse> Leases::all(const BudgetWindow& money) const {
    std::vector<Purse> out;
    const auto of = money_.find(money);
    if (of == money_.end()) return out;
    const auto add = [&](const Held& held) {
        out.push_back(
            {held.name, held.account, of->second.position, of->second.dry, of->second.told});
    };
    if (of->second.current) add(*of->second.current);
    for (const Held& held : of->second.closing) add(held);
    return out;
}

std::vector<BudgetWindow> Leases::windows() const {
    std::vector<BudgetWindow> out;
    for (const auto& [money, of] : money_) {
        if (of.current || !of.closing.empty()) out.push_back(money);
    }
    return out;
}

std::set<BudgetWindow> Leases::take_changed() {
    return std::exchange(changed_, {});
}

void Leases::set(const BudgetWindow& money, Money& of, const Position& position) {
    if (of.position == position) return;
    of.position = position;
    changed_.insert(money);
}

void Leases::on_ask(const BudgetId& budget, MicroUsd need, MonoTime now, Outbox& out) {
    if (closed_) return;
    const BudgetWindow money{budget, turn_of(budget).window};
    if (!money_.contains(money) && money_.size() >= kPursesMax) return;  // it waits in vain
    Money& of = money_[money];
    awake_.insert(money);
    // More than there is would be refused, again and again, and with it whoever needs less: so it
    // is the rest that is asked for.
    const bool known = of.position.standing == Standing::kOpen && of.position.left.value > 0;
    const MicroUsd asked_for = of.need;
    of.need = std::max(of.need, known ? std::min(need, of.position.left) : need);
    of.lacks = std::max(of.lacks, need);
    of.dearest = std::max(of.dearest, of.need);
    of.needed = now;
    // All that wait ask each time that anything changes: the owner is told once, and again when
    // its answer is late.
    const bool under_way = of.asked && now - *of.asked < kAskAgain && of.need <= asked_for;
    if (!under_way) ask(money, of, now, out);
}

void Leases::ask(const BudgetWindow& money, Money& of, MonoTime now, Outbox& out) {
    const auto lender = find_(bucket_of(money.budget));
    if (!lender) {
        of.asked.reset();
        if (!of.unowned) of.unowned = now;
        if (now - *of.unowned < kPassing) return;  // it changes hands
        Position nobody = of.position;
        nobody.standing = Standing::kOwnerUnreachable;
        set(money, of, nobody);
        return;
    }
    of.unowned.reset();
    const AccountName name{lender->log, lender->boot, self_};
    if (of.current && of.current->name != name) retire(money, of, now, out);
    if (!of.current) {
        // One that was closed goes on where it was: what was granted in all is never begun anew.
        const auto before = find_closing(of, name);
        if (before != of.closing.end()) {
            of.current = std::move(*before);
            of.closing.erase(before);
        } else {
            Held fresh;
            fresh.name = name;
            of.current = std::move(fresh);
        }
        of.current->busy = now;
        changed_.insert(money);
    }
    const Account& account = *of.current->account;
    const MicroUsd used = account.spent() + account.reserved() + account.returned();
    of.asked = now;
    of.wanted = now;
    const MicroUsd total = used + std::max(of.need, of.dearest) + ahead(of);
    note_spoken(*of.current, now);
    out.push_back({name.log.ledger,
                   Want{name, money, total, of.need, account.spent(), account.would_refuse()}});
}

// What is to be there beside the dearest request: what is spent in a second, or a request more.
MicroUsd Leases::ahead(const Money& of) {
    const MicroUsd trifle{
        std::min(kRequestsAhead * of.dearest.value, of.position.left.value / kTrifle)};
    return std::max({of.rate, of.dearest, trifle});
}

Leases::Turn Leases::turn_of(const BudgetId& budget) const {
    const auto found = turns_.find(budget);
    return found == turns_.end() ? Turn{} : found->second;
}

// The owner says in which window a budget is. What was asked for in the one before is asked for in
// this one; that one is settled and given back.
void Leases::take_turn(const Grant& grant, MonoTime now, Outbox& out) {
    const BudgetId& budget = grant.money.budget;
    const Turn before = turn_of(budget);
    const bool ends_never = grant.ends_in == Duration{};
    if (grant.money.window < before.window) return;
    if (grant.money.window == before.window && ends_never) return;  // or it says nothing of that
    const auto old = money_.find({budget, before.window});
    const bool asked_for =
        old != money_.end() && old->second.current && old->second.current->name == grant.account;
    if (!asked_for) return;
    Turn turn{grant.money.window, {}, grant.ends, false};
    // From when it was asked on: early by the way there and back, never late.
    if (!ends_never) turn.ends = old->second.wanted + grant.ends_in;
    if (turn.ends) first_end_ = std::min(first_end_, *turn.ends);
    turns_[budget] = turn;
    awake_.insert(old->first);
    if (grant.money.window == before.window) return;
    Money& then = old->second;
    Money& of = money_[grant.money];
    of.need = std::exchange(then.need, {});
    of.lacks = std::exchange(then.lacks, {});
    of.needed = then.needed;
    of.wanted = then.wanted;
    if (VIDAI_MUTANT("window-mislabelled")) of.current = std::move(*then.current);
    if (!of.current) {
        Held fresh;
        fresh.name = grant.account;
        of.current = std::move(fresh);
    }
    of.current->busy = now;
    then.asked.reset();
    if (VIDAI_MUTANT("window-mislabelled")) return then.current.reset();
    retire(old->first, then, now, out);
}

// Nothing is spent from a window that is over; whoever needs more asks, and hears of the next one.
void Leases::end_turns(MonoTime now, Outbox& out) {
    if (now < first_end_) return;
    first_end_ = MonoTime::max();
    for (auto& [budget, turn] : turns_) {
        if (turn.ends && !turn.over(now)) first_end_ = std::min(first_end_, *turn.ends);
        if (!turn.over(now)) continue;
        const auto of = money_.find({budget, turn.window});
        if (of == money_.end()) continue;
        if (!std::exchange(turn.ended, true)) changed_.insert(of->first);
        if (of->second.current) give_back(of->first, *of->second.current, now, out);
    }
}

// What came of it is on record, and two later ones are open: nothing is said of it any more.
bool Leases::is_long_past(std::map<BudgetWindow, Money>::const_iterator at) const {
    auto next = at;
    for (int later = 0; later < 2; ++later) {
        ++next;
        if (next == money_.end() || next->first.budget != at->first.budget) return false;
    }
    return !at->second.current && std::ranges::all_of(at->second.closing, &Leases::done);
}

void Leases::on_grant(const Grant& grant, MonoTime now, Outbox& out) {
    if (grant.account.holder != self_) return;
    take_turn(grant, now, out);
    if (!money_.contains(grant.money) && grant.account.log.ledger != self_.ledger) return;
    Money& of = money_[grant.money];
    awake_.insert(grant.money);
    if (of.current && of.current->name == grant.account) {
        const bool more = of.current->account->on_grant(grant.total);
        if (more) of.current->busy = now;
        of.asked.reset();
        of.dry = !more && grant.position.left < std::max(of.need, of.lacks);
        if (!more) of.hold_off = now + kAskAheadAgain;
        of.told = true;
        of.need = of.lacks = {};  // who still waits asks again, and may need less than who gave up
        set(grant.money, of, grant.position);
        changed_.insert(grant.money);  // those who wait look again, whatever it says
        const bool over = closed_ || grant.position.standing == Standing::kDeleted;
        if (over) give_back(grant.money, *of.current, now, out);
        return;
    }
    auto held = find_closing(of, grant.account);
    if (held == of.closing.end()) {
        // What was granted in all, of an account that was closed and forgotten, must not be taken
        // for new. This volume's own are never forgotten: so this one is new.
        if (grant.account.log.ledger != self_.ledger) return;
        of.closing.push_back({});
        held = of.closing.end() - 1;
        held->name = grant.account;
    }
    held->account->on_grant(grant.total);
    give_back(grant.money, *held, now, out);
}

std::vector<Leases::Held>::iterator Leases::find_closing(Money& of, const AccountName& name) {
    return std::ranges::find_if(of.closing, [&](const Held& held) { return held.name == name; });
}

void Leases::note_spoken(Held& held, MonoTime now) {
    held.spoke = now;
    held.spoken = held.account->spent();
}

void Leases::report(const BudgetWindow& money, Held& held, MonoTime now, Outbox& out) {
    const auto owner = find_(bucket_of(money.budget));
    if (!owner) return;
    held.told = now;
    note_spoken(held, now);
    const Account& account = *held.account;
    out.push_back({owner->log.ledger, Report{held.name, money, account.spent(), account.returned(),
                                             account.would_refuse()}});
}

void Leases::give_back(const BudgetWindow& money, Held& held, MonoTime now, Outbox& out) {
    const MicroUsd before = held.account->returned();
    if (held.account->give_back(kAll) > before) report(money, held, now, out);
}

void Leases::retire(const BudgetWindow& money, Money& of, MonoTime now, Outbox& out) {
    Held held = std::move(*of.current);
    of.current.reset();
    give_back(money, held, now, out);
    of.closing.push_back(std::move(held));
}

void Leases::on_report_ack(const ReportAck& ack) {
    const auto of = money_.find(ack.money);
    if (of == money_.end()) return;
    const auto hear = [&](Held& held) {
        if (held.name == ack.account) held.reported = std::max(held.reported, ack.returned);
    };
    if (of->second.current) hear(*of->second.current);
    std::ranges::for_each(of->second.closing, hear);
}

void Leases::on_recall(const Recall& recall, MonoTime now, Outbox& out) {
    const auto of = money_.find(recall.money);
    if (of == money_.end() || !of->second.current) return;
    awake_.insert(recall.money);
    give_back(recall.money, *of->second.current, now, out);
    of->second.hold_off = now + kAskAheadAgain;
}

void Leases::on_changed(const Changed& changed, MonoTime now, Outbox& out) {
    const auto first = money_.lower_bound({changed.budget, 0});
    for (auto at = first; at != money_.end() && at->first.budget == changed.budget; ++at) {
        Money& of = at->second;
        of.dry = false;
        of.position.standing = Standing::kOpen;
        of.position.enforce = true;  // until its owner says otherwise
        changed_.insert(at->first);
        awake_.insert(at->first);
        if (of.current && !closed_) ask(at->first, of, now, out);  // it may have another window now
    }
}

bool Leases::done(const Held& held) {
    const Account& account = *held.account;
    return account.reserved().value == 0 && account.free().value <= 0 &&
           held.reported == account.returned();
}

// What was spent beyond what that account was granted is owed of the next money.
void Leases::pass_debt(Held& from, Held& to) {
    const Account& account = *from.account;
    const MicroUsd owed = MicroUsd{} - account.free() - from.passed;
    if (owed.value <= 0 || account.reserved().value > 0) return;
    to.account->settle({}, owed);
    from.passed += owed;
}

// Each second: how much is spent in one, and what a request may take at once.
void Leases::measure(Money& of, MonoTime now) {
    if (now - of.rated < std::chrono::seconds(1)) return;
    Account& account = *of.current->account;
    const MicroUsd lately = account.spent() - of.spent_before;
    of.rate = std::max(std::max(MicroUsd{}, lately), MicroUsd{of.rate.value / 2});
    of.spent_before = account.spent();
    of.rated = now;
    // Where none came nothing is known; else it sinks slowly to what they ask for now.
    const MicroUsd dearest = account.take_dearest();
    if (dearest.value == 0) return;
    of.dearest = std::max(dearest, of.dearest - MicroUsd{of.dearest.value / 8});
}

bool Leases::idles(const Money& of, MonoTime now) {
    const MicroUsd free = of.current->account->free();
    if (free.value <= 0) return false;
    const bool plenty =
        of.position.standing == Standing::kOpen && free.value <= of.position.left.value / kPlenty;
    return now - of.current->busy >= (plenty ? kIdleOfPlenty : kIdle);
}

void Leases::watch(const BudgetWindow& money, Money& of, MonoTime now, Outbox& out) {
    const auto repeat = [&](Held& held) {
        const bool owed = held.reported < held.account->returned();
        if (owed && now - held.told >= kTellAgain) report(money, held, now, out);
    };
    for (Held& held : of.closing) {
        give_back(money, held, now, out);  // reservations that have ended since
        if (of.current) pass_debt(held, *of.current);
        repeat(held);
    }
    // Who has lent under a later name does not lend under that one again.
    std::erase_if(of.closing, [&](const Held& held) {
        return held.name.log.ledger != self_.ledger && done(held) && is_past_(held.name);
    });
    if (!of.current) return;
    Held& held = *of.current;
    const Account& account = *held.account;
    const MicroUsd used = account.spent() + account.reserved();
    if (used != held.used_before || account.reserved().value > 0) held.used = held.busy = now;
    held.used_before = used;
    const Turn turn = turn_of(money.budget);
    const bool over = turn.window == money.window && turn.over(now);
    if (closed_ || over || idles(of, now)) {
        give_back(money, held, now, out);
        of.dearest = {};
    }
    repeat(held);
    const bool rests = now - held.used >= kIdle || now - held.spoke >= kTellSpent;
    if (rests && account.spent() != held.spoken) report(money, held, now, out);
    measure(of, now);
    if (closed_) return;
    if (of.need.value > 0 && now - of.needed >= kBusyWait) of.need = {};  // they have given up
    const bool busy = now - held.used < kIdle && of.dearest.value > 0;
    const MicroUsd least = of.dearest + MicroUsd{of.rate.value / 2};
    const bool low = busy && now >= of.hold_off && account.free() < least;
    const bool lost = of.asked && now - *of.asked >= kAskAgain;
    const bool owes = account.free().value < 0 && now - of.wanted >= kTellAgain;
    if (lost || (!of.asked && (of.need.value > 0 || low || owes))) ask(money, of, now, out);
}

bool Leases::is_awake(const Money& of, MonoTime now) {
    if (of.asked || of.need.value > 0 || !std::ranges::all_of(of.closing, &Leases::done)) {
        return true;
    }
    if (!of.current) return false;
    const Held& held = *of.current;
    return now - held.busy <= kIdle || held.reported < held.account->returned() ||
           held.account->free().value < 0;
}

void Leases::on_tick(MonoTime now, Outbox& out) {
    end_turns(now, out);
    for (auto at = awake_.begin(); at != awake_.end();) {
        const auto of = money_.find(*at);
        if (of != money_.end()) watch(of->first, of->second, now, out);
        const bool stays = of != money_.end() && is_awake(of->second, now);
        at = stays ? std::next(at) : awake_.erase(at);
    }
    watch_some(now, out);
}

// Workers use what is at rest without a word.
void Leases::watch_some(MonoTime now, Outbox& out) {
    auto at = money_.upper_bound(watched_);
    for (std::size_t left = money_.size() / kTicksOfAll + 1; left > 0 && !money_.empty(); --left) {
        if (at == money_.end()) at = money_.begin();
        watched_ = at->first;
        if (!awake_.contains(at->first)) {
            watch(at->first, at->second, now, out);
            if (is_awake(at->second, now)) awake_.insert(at->first);
        }
        at = is_long_past(at) ? money_.erase(at) : std::next(at);
    }
}

void Leases::close(MonoTime now, Outbox& out) {
    closed_ = true;
    for (auto& [money, of] : money_) watch(money, of, now, out);
}

bool Leases::settled() const {
    return std::ranges::all_of(money_, [](const auto& one) {
        const Money& of = one.second;
        return std::ranges::all_of(of.closing, &Leases::done) && (!of.current || done(*of.current));
    });
}

}  // namespace vidai::mesh::budget
