// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/owner.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>

#include "schema/base/mutant.h"

namespace vidai::mesh::budget {

namespace {

constexpr Duration kRecallEvery = std::chrono::milliseconds(100);
constexpr Duration kForgetEvery = std::chrono::seconds(10);
constexpr MicroUsd kMostOwed{std::numeric_limits<std::int64_t>::max() / 8};
constexpr std::size_t kReachedMax = 4'096;  // that nobody has taken
// After a take-over holders say within that many seconds what they have not spent.
constexpr int kOverFor = 3;
constexpr std::uint8_t kAsGoodAsAll = 95;  // percent, where a request finds too little left
constexpr std::size_t kTicksOfAll = 10;    // in which each budget is looked at once
constexpr std::int64_t kPortion = 8;  // at most that part of what is free, unless more is needed
// So many times what is wanted is activated at once where that is a trifle of what is free.
constexpr std::int64_t kTogether = 16;
constexpr std::int64_t kTrifle = 1'024;

MicroUsd unspent(const Owner::Lease& lease) {
    return lease.lost ? MicroUsd{}
                      : std::max(MicroUsd{}, lease.granted - lease.spent - lease.returned);
}
// Spent without having been granted: of a budget that was only observed, or more than was reserved.
MicroUsd owed(const Owner::Lease& lease) {
    return std::max(MicroUsd{}, lease.spent - (lease.granted - lease.returned));
}

}  // namespace

const Owner::Money* Owner::find(const BudgetWindow& money) const {
    const auto found = money_.find(money);
    return found == money_.end() ? nullptr : &found->second;
}

void Owner::change(Money& of, const AccountName& account, const Lease& to) {
    Lease& lease = of.leases[account];
    of.unspent -= unspent(lease);
    lease = to;
    of.unspent += unspent(lease);
}

bool Owner::on_want(const Want& want, MonoTime now, Outbox& out) {
    const OwnLog* log = books_.newest();
    if (log == nullptr || want.account.log != log->header().id) return false;
    if (want.account.boot != log->ledger.boot()) return false;
    const LogState& state = log->ledger.state();
    if (!state.owns(bucket_of(want.money.budget))) return false;
    const BudgetState* budget = state.budget(want.money.budget);
    const auto window = budget == nullptr ? std::nullopt : window_of(*budget, now);
    Position none;
    const bool early = window && want.money.window > window->ordinal;
    if (budget == nullptr) {
        none.standing = Standing::kUnknown;
    } else if (budget->deleted) {
        none.standing = Standing::kDeleted;
    } else if (!window || early) {
        none.standing = Standing::kClock;
    }
    if (budget != nullptr) none.enforce = budget->policy.enforce;
    if (none.standing != Standing::kOpen) {
        out.push_back(
            {want.account.holder.ledger, Grant{want.account, want.money, {}, none, {}, {}}});
        return true;
    }
    // Of a window that has passed it is told what it has in the one that it is.
    const bool moves = want.money.window < window->ordinal;
    const BudgetWindow money{want.money.budget, window->ordinal};
    Money& of = money_[money];
    Lease lease = of.leases[want.account];
    if (!moves) lease.spent = std::max(lease.spent, want.spent);
    if (!moves) lease.would_refuse = std::max(lease.would_refuse, want.would_refuse);
    lease.lost = false;
    change(of, want.account, lease);
    // It asks for no more than is left. What has that already and asks all the same needs more.
    const MicroUsd has = lease.granted - lease.returned - lease.spent;
    of.dry |= want.need.value > 0 && !moves && want.need <= has;
    const auto [waiting, fresh] = of.waiting.try_emplace(want.account, Waiting{{}, {}, now});
    waiting->second.total =
        std::max(waiting->second.total, moves ? lease.granted + want.need : want.total);
    waiting->second.need = want.need;
    serve(money, now, out);
    return true;
}

// Of what it needs it may have a part already.
MicroUsd Owner::lacks(const Money& of, const AccountName& account, const Waiting& waiting) {
    const auto lease = of.leases.find(account);
    const MicroUsd granted = lease == of.leases.end() ? MicroUsd{} : lease->second.granted;
    return std::max(MicroUsd{}, std::min(waiting.need, waiting.total - granted));
}

// What it needs, or, where there is plenty, up to what it would like. Nothing: it goes on waiting.
bool Owner::lend(const BudgetWindow& money, Money& of, const AccountName& account,
                 Waiting& waiting) {
    Lease lease = of.leases[account];
    const MicroUsd pool = ledger().pool(money);
    const MicroUsd like = waiting.total - lease.granted;
    if (like.value <= 0) return true;
    const MicroUsd need = lacks(of, account, waiting);
    if (pool < need || pool.value == 0) return false;
    const auto holders = static_cast<std::int64_t>(std::max<std::size_t>(1, of.leases.size()));
    const MicroUsd plenty{std::max(pool.value / (2 * holders),
                                   ledger().state().free(money).value / (kPortion * holders))};
    const MicroUsd more = std::min({like, pool, std::max({need, plenty, MicroUsd{1}})});
    lease.granted = ledger().grant(account.holder, money, lease.granted + more);
    of.lent += more;
    change(of, account, lease);
    return true;
}

void Owner::answer(const BudgetWindow& money, const AccountName& account, MonoTime now,
                   Outbox& out) {
    const Money* of = find(money);
    const auto lease = of->leases.find(account);
    const MicroUsd total = lease == of->leases.end() ? MicroUsd{} : lease->second.granted;
    const BudgetState* budget = ledger().state().budget(money.budget);
    Grant grant{account, money, total, position(money), {}, {}};
    if (budget != nullptr) {
        if (const auto window = window_of(*budget, now)) grant.ends = window->end;
        grant.ends_in = ends_in(*budget, now);
    }
    out.push_back({account.holder.ledger, grant});
}

void Owner::serve(const BudgetWindow& money, MonoTime now, Outbox& out) {
    Money& of = money_[money];
    serve_now(money, of, now, out);
    if (of.waiting.empty() && !of.owed) {
        unserved_.erase(money);
    } else {
        unserved_.insert(money);
    }
}

void Owner::serve_all(MonoTime now, Outbox& out) {
    const std::vector<BudgetWindow> all(unserved_.begin(), unserved_.end());
    for (const BudgetWindow& money : all) serve(money, now, out);
}

void Owner::serve_now(const BudgetWindow& money, Money& of, MonoTime now, Outbox& out) {
    // Given away, deleted or over: they ask again, and are told.
    end_top_ups(money.budget, now);
    const BudgetState* budget = ledger().state().budget(money.budget);
    if (budget == nullptr || budget->deleted) return of.waiting.clear();
    if (const auto at = window_of(*budget, now); at && at->ordinal > money.window) {
        return of.waiting.clear();
    }
    cover(money, of, now, out);
    std::vector<std::pair<MonoTime, AccountName>> turn;  // the longest waiting first
    for (const auto& [account, waiting] : of.waiting) turn.emplace_back(waiting.since, account);
    std::ranges::sort(turn);
    // Requests first: what is lent ahead must not take from them bit by bit.
    const auto lend_to = [&](bool requests) {
        bool all = true;
        for (const auto& [since, account] : turn) {
            const auto waiting = of.waiting.find(account);
            if (waiting == of.waiting.end()) continue;
            if ((waiting->second.need.value > 0) != requests) continue;
            if (!lend(money, of, account, waiting->second)) {
                all = false;
                continue;
            }
            answer(money, account, now, out);
            of.waiting.erase(account);
        }
        return all;
    };
    if (lend_to(true)) lend_to(false);
    if (of.waiting.empty()) return;
    activate(money, of);
    const Position at = position(money);
    for (const auto& [since, account] : turn) {
        const auto waiting = of.waiting.find(account);
        if (waiting == of.waiting.end()) continue;
        const MicroUsd need = lacks(of, account, waiting->second);
        const bool coming = need <= ledger().pool(money) + of.activating;
        if (coming && (need.value > 0 || of.activating.value > 0)) continue;
        if (at.left >= need && need.value > 0 && now - since < kBusyWait) continue;
        of.dry |= at.left < need;
        answer(money, account, now, out);  // with what it has: it is spent, or others have it
        of.waiting.erase(waiting);
    }
    if (!of.waiting.empty()) recall(money, of, now, out);
}

bool Owner::of_this_process(const AccountName& account) const {
    return account.log == ledger().header().id && account.boot == ledger().boot();
}

// What has been spent already comes before what would like to be. Where nobody is refused it is
// activated whatever the limit, so that the log has all that was spent once the limit binds.
void Owner::cover(const BudgetWindow& money, Money& of, MonoTime now, Outbox& out) {
    MicroUsd missing;
    for (const auto& [account, lease] : of.leases) {
        MicroUsd more = owed(lease);
        if (more.value == 0 || !of_this_process(account)) continue;
        const MicroUsd here = std::min(more, ledger().pool(money));
        if (here.value > 0) {
            Lease covered = lease;
            covered.granted = ledger().grant(account.holder, money, lease.granted + here);
            change(of, account, covered);
            answer(money, account, now, out);
            more -= here;
        }
        missing += std::min(more, kMostOwed - missing);
    }
    of.owed = missing.value > 0;
    missing -= std::min(missing, of.activating);
    const BudgetState* budget = ledger().state().budget(money.budget);
    if (budget->policy.enforce) missing = std::min(missing, ledger().state().free(money));
    append_activation(money, of, missing);
}

void Owner::append_activation(const BudgetWindow& money, Money& of, MicroUsd amount) {
    if (amount.value <= 0 || ledger().state().closed()) return;
    const auto at = ledger().append(Activate{money, ledger().boot(), amount});
    if (!at) {
        if (at.error().code == ErrorCode::kCorrupt) fault_ = at.error().message;
        return;
    }
    of.activating += amount;
    activating_.push_back({*at, money, amount});
}

void Owner::activate(const BudgetWindow& money, Money& of) {
    const MicroUsd free = ledger().state().free(money);
    if (free.value <= 0 || ledger().state().closed()) return;
    const MicroUsd here = ledger().pool(money) + of.activating;
    const MicroUsd portion{std::max<std::int64_t>(1, free.value / kPortion)};
    MicroUsd wanted;  // of those whom it can serve
    for (const auto& [account, waiting] : of.waiting) {
        const MicroUsd like = waiting.total - of.leases[account].granted;
        const MicroUsd need = lacks(of, account, waiting);
        const MicroUsd ahead = std::max(need, std::min(like, portion));
        if (const MicroUsd room = here + free - wanted; need <= room) {
            wanted += std::min(ahead, room);
        }
    }
    if (wanted <= here) return;
    const MicroUsd lacking = wanted - here;
    const std::int64_t most = free.value / kTrifle;  // and nothing can overflow
    const MicroUsd trifle{lacking.value > most / kTogether ? most : lacking.value * kTogether};
    const MicroUsd amount = std::min(free, std::max({lacking, std::min(of.rate, portion), trifle}));
    append_activation(money, of, amount);
}

void Owner::recall(const BudgetWindow& money, Money& of, MonoTime now, Outbox& out) {
    if (now - of.recalled < kRecallEvery) return;
    of.recalled = now;
    for (const auto& [account, lease] : of.leases) {
        if (unspent(lease).value > 0) out.push_back({account.holder.ledger, Recall{money}});
    }
}

bool Owner::on_report(const Report& report, MonoTime now, Outbox& out) {
    OwnLog* log = books_.newest();
    if (log == nullptr) return false;
    const LogState& state = log->ledger.state();
    const BudgetState* budget = state.budget(report.money.budget);
    if (budget == nullptr) return false;
    Money& of = money_[report.money];
    Lease lease = of.leases[report.account];
    lease.spent = std::max(lease.spent, report.spent);
    lease.returned = std::max(lease.returned, report.returned);
    lease.would_refuse = std::max(lease.would_refuse, report.would_refuse);
    // Of a log or process before: what it granted is not known here, and this is all of it.
    if (!of_this_process(report.account)) {
        lease.granted = std::max(lease.granted, lease.spent + lease.returned);
    }
    lease.lost = false;
    change(of, report.account, lease);
    const auto window = budget->windows.find(report.money.window);
    if (window == budget->windows.end()) {
        // Of one that has passed long ago nobody needs to know any more.
        const bool past =
            !budget->windows.empty() && report.money.window < budget->windows.begin()->first;
        const ReportAck heard{report.account, report.money, report.returned};
        if (past) out.push_back({report.account.holder.ledger, heard});
        return true;
    }
    const auto known = window->second.returned.find(report.account);
    const MicroUsd recorded = known == window->second.returned.end() ? MicroUsd{} : known->second;
    const ReportAck ack{report.account, report.money, report.returned};
    if (report.returned <= recorded) {
        const auto same = [&](const Returning& one) { return one.ack == ack; };
        const bool flying = std::ranges::any_of(returning_, same);
        if (!flying) out.push_back({report.account.holder.ledger, ack});
        if (owed(lease).value > 0) serve(report.money, now, out);
        return true;
    }
    const auto at = log->ledger.append(Return{report.money, report.account, report.returned});
    if (!at) {
        if (at.error().code == ErrorCode::kCorrupt) fault_ = at.error().message;
        return true;
    }
    returning_.push_back({*at, ack});
    serve(report.money, now, out);  // it may be activated anew, behind it in the log
    return true;
}

void Owner::on_progress(MonoTime now, Outbox& out) {
    if (books_.newest() == nullptr) return;
    const Seq committed = ledger().committed();
    for (; !activating_.empty() && activating_.front().at <= committed; activating_.pop_front()) {
        money_[activating_.front().money].activating -= activating_.front().amount;
    }
    for (; !returning_.empty() && returning_.front().at <= committed; returning_.pop_front()) {
        const ReportAck& ack = returning_.front().ack;
        out.push_back({ack.account.holder.ledger, ack});
    }
    for (; !alerting_.empty() && alerting_.front().at <= committed; alerting_.pop_front()) {
        if (reached_.size() < kReachedMax) reached_.push_back(alerting_.front().what);
    }
    serve_all(now, out);
}

// What is stranded counts as spent, here as everywhere; so does what an earlier owner lent, until
// its holders have said otherwise: therefore a threshold must stay reached for a while.
void Owner::watch_thresholds(const BudgetWindow& money, Money& of) {
    const BudgetState* budget = ledger().state().budget(money.budget);
    if (budget == nullptr || budget->deleted || budget->policy.alerts.empty()) return;
    const auto window = budget->windows.find(money.window);
    if (window == budget->windows.end() || std::next(window) != budget->windows.end()) return;
    const MicroUsd limit = limit_of(*budget), used = limit - position(money).left;
    const auto part = [&](std::uint8_t percent) {  // so that nothing can overflow
        return MicroUsd{limit.value / 100 * percent + limit.value % 100 * percent / 100};
    };
    // To the last micro-dollar hardly any is spent: it is all where the rest serves nobody.
    of.dry = of.dry && used >= part(kAsGoodAsAll);
    const auto reached = [&](std::uint8_t percent) {
        return used >= part(percent) || (percent == 100 && of.dry);
    };
    const auto due = [&](std::uint8_t percent) {
        return percent > window->second.alerted && reached(percent);
    };
    if (std::ranges::none_of(budget->policy.alerts, due)) {
        of.over = 0;
        return;
    }
    if (++of.over < kOverFor) return;
    of.over = 0;
    const Thresholds all = budget->policy.alerts;
    const std::uint8_t before = window->second.alerted;
    for (const std::uint8_t percent : all) {
        if (percent <= before || !reached(percent)) continue;
        const auto at = ledger().append(Alert{money, percent});
        if (at) alerting_.push_back({*at, {money, percent, limit, used}});
    }
}

// Windows of which the log keeps nothing any more.
void Owner::forget_past(MonoTime now) {
    if (now - forgot_ < kForgetEvery) return;
    forgot_ = now;
    for (auto one = money_.begin(); one != money_.end();) {
        const BudgetState* budget = ledger().state().budget(one->first.budget);
        const auto next = std::next(one);
        const bool later = next != money_.end() && next->first.budget == one->first.budget;
        const bool past =
            budget == nullptr
                ? later  // it went to another owner
                : !budget->windows.empty() && one->first.window < budget->windows.begin()->first;
        const bool busy = one->second.activating.value > 0 || !one->second.waiting.empty();
        if (!past || busy) {
            ++one;
            continue;
        }
        if (budget != nullptr) ledger().forget_pool(one->first);
        unserved_.erase(one->first);
        one = money_.erase(one);
    }
}

void Owner::on_tick(MonoTime now, Outbox& out) {
    if (books_.newest() == nullptr) return;
    forget_past(now);
    look_round(now);
    auto at = money_.upper_bound(measured_);
    for (std::size_t left = money_.size() / kTicksOfAll + 1; left > 0 && !money_.empty(); --left) {
        if (at == money_.end()) at = money_.begin();
        measure(at->first, at->second, now);
        measured_ = at->first;
        ++at;
    }
    serve_all(now, out);
}

void Owner::measure(const BudgetWindow& money, Money& of, MonoTime now) {
    if (now - of.rated < std::chrono::seconds(1)) return;
    // Half of what it was: a pause of a few seconds is not the end.
    const MicroUsd lately = of.lent - of.lent_before;
    of.rate = std::max(lately, MicroUsd{of.rate.value / 2});
    of.lent_before = of.lent;
    of.rated = now;
    if (!ledger().state().closed()) watch_thresholds(money, of);
}

void Owner::on_holder_lost(const Holder& holder) {
    for (auto& [money, of] : money_) {
        for (const auto& [account, lease] : of.leases) {
            if (account.holder != holder || lease.lost) continue;
            if (VIDAI_MUTANT("reclaim-on-timeout")) {
                (void)ledger().append(Return{money, account, lease.granted - lease.spent});
            }
            Lease lost = lease;
            lost.lost = true;
            change(of, account, lost);
        }
        std::erase_if(of.waiting, [&](const auto& one) { return one.first.holder == holder; });
    }
}

void Owner::on_closed() {
    activating_.clear();
    returning_.clear();
    alerting_.clear();
    unserved_.clear();
    for (auto& [money, of] : money_) {
        of.activating = {};
        of.waiting.clear();
        of.owed = false;
    }
}

}  // namespace vidai::mesh::budget
