// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/owner.h"

#include <algorithm>
#include <string>

#include "schema/base/mutant.h"

namespace vidai::mesh::budget {

namespace {

constexpr Duration kRecallEvery = std::chrono::milliseconds(100);
constexpr std::int64_t kPortion = 8;  // at most that part of what is free, unless more is needed

MicroUsd unspent(const Owner::Lease& lease) {
    return lease.lost ? MicroUsd{}
                      : std::max(MicroUsd{}, lease.granted - lease.spent - lease.returned);
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
    if (state.budget(want.money.budget) == nullptr) {
        Position unknown;
        unknown.standing = Standing::kUnknown;
        out.push_back({want.account.holder.ledger, Grant{want.account, want.money, {}, unknown}});
        return true;
    }
    Money& of = money_[want.money];
    Lease lease = of.leases[want.account];
    lease.spent = std::max(lease.spent, want.spent);
    lease.lost = false;
    change(of, want.account, lease);
    const auto [waiting, fresh] = of.waiting.try_emplace(want.account, Waiting{{}, {}, now});
    waiting->second.total = std::max(waiting->second.total, want.total);
    waiting->second.need = want.need;
    serve(want.money, now, out);
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
    const MicroUsd plenty{pool.value / (2 * holders)};
    const MicroUsd more = std::min(like, std::max({need, plenty, MicroUsd{1}}));
    lease.granted = ledger().grant(account.holder, money, lease.granted + more);
    of.lent += more;
    change(of, account, lease);
    return true;
}

void Owner::answer(const BudgetWindow& money, const AccountName& account, Outbox& out) {
    const Money* of = find(money);
    const auto lease = of->leases.find(account);
    const MicroUsd total = lease == of->leases.end() ? MicroUsd{} : lease->second.granted;
    out.push_back({account.holder.ledger, Grant{account, money, total, position(money)}});
}

void Owner::serve(const BudgetWindow& money, MonoTime now, Outbox& out) {
    Money& of = money_[money];
    std::vector<std::pair<MonoTime, AccountName>> turn;  // the longest waiting first
    for (const auto& [account, waiting] : of.waiting) turn.emplace_back(waiting.since, account);
    std::ranges::sort(turn);
    for (const auto& [since, account] : turn) {
        if (!lend(money, of, account, of.waiting.at(account))) continue;
        answer(money, account, out);
        of.waiting.erase(account);
    }
    if (of.waiting.empty()) return;
    activate(money, of);
    const Position at = position(money);
    for (const auto& [since, account] : turn) {
        const auto waiting = of.waiting.find(account);
        if (waiting == of.waiting.end()) continue;
        const MicroUsd need = lacks(of, account, waiting->second);
        const bool coming = need <= ledger().pool(money) + of.activating;
        if (coming && need.value > 0) continue;
        if (at.left >= need && need.value > 0 && now - since < kBusyWait) continue;
        answer(money, account, out);  // with what it has: it is spent, or others have it
        of.waiting.erase(waiting);
    }
    if (!of.waiting.empty()) recall(money, of, now, out);
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
        const MicroUsd one = need.value > 0 ? need : std::min(like, portion);
        if (wanted + one <= here + free) wanted += one;
    }
    if (wanted <= here) return;
    const MicroUsd amount = std::min(free, std::max(wanted - here, std::min(of.rate, portion)));
    const auto at = ledger().append(Activate{money, ledger().boot(), amount});
    if (!at) {
        if (at.error().code == ErrorCode::kCorrupt) fault_ = at.error().message;
        return;
    }
    of.activating += amount;
    activating_.push_back({*at, money, amount});
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
    // Of a log or process before: what it granted is not known here, and this is all of it.
    lease.granted = std::max(lease.granted, lease.spent + lease.returned);
    lease.lost = false;
    change(of, report.account, lease);
    const auto window = budget->windows.find(report.money.window);
    if (window == budget->windows.end()) return true;
    const auto known = window->second.returned.find(report.account);
    const MicroUsd recorded = known == window->second.returned.end() ? MicroUsd{} : known->second;
    const ReportAck ack{report.account, report.money, report.returned};
    if (report.returned <= recorded) {
        const auto same = [&](const Returning& one) { return one.ack == ack; };
        const bool flying = std::ranges::any_of(returning_, same);
        if (!flying) out.push_back({report.account.holder.ledger, ack});
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
    for (auto& [money, of] : money_) {
        if (!of.waiting.empty()) serve(money, now, out);
    }
}

void Owner::on_tick(MonoTime now, Outbox& out) {
    if (books_.newest() == nullptr) return;
    for (auto& [money, of] : money_) {
        if (now - of.rated >= std::chrono::seconds(1)) {
            // Half of what it was: a pause of a few seconds is not the end.
            const MicroUsd lately = of.lent - of.lent_before;
            of.rate = std::max(lately, MicroUsd{of.rate.value / 2});
            of.lent_before = of.lent;
            of.rated = now;
        }
        if (!of.waiting.empty()) serve(money, now, out);
    }
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
    for (auto& [money, of] : money_) {
        of.activating = {};
        of.waiting.clear();
    }
}

Position Owner::position(const BudgetWindow& money) const {
    Position at;
    const OwnLog* log = books_.newest();
    const BudgetState* budget = log == nullptr ? nullptr : log->ledger.state().budget(money.budget);
    if (budget == nullptr) {
        at.standing = Standing::kUnknown;
        return at;
    }
    at.limit = budget->limit;
    const auto window = budget->windows.find(money.window);
    const MicroUsd in_use = window == budget->windows.end() ? MicroUsd{} : window->second.in_use();
    const Money* of = find(money);
    MicroUsd unspent = log->ledger.pool(money);
    if (of != nullptr) unspent += of->activating + of->unspent;
    at.left = std::max(MicroUsd{}, at.limit - std::max(MicroUsd{}, in_use - unspent));
    return at;
}

Sight Owner::sight(const BudgetWindow& money) const {
    Sight out;
    out.budget = money.budget;
    out.position = position(money);
    const Ledger& log = ledger();
    const BudgetState* budget = log.state().budget(money.budget);
    if (budget == nullptr) return out;
    if (const auto at = budget->windows.find(money.window); at != budget->windows.end()) {
        out.activated = at->second.activated;
        out.returned = at->second.returned_sum;
    }
    out.pool = log.pool(money);
    for (const auto& [account, lease] : leases(money)) {
        if (out.leases.size() == kLeasesShown) break;
        out.leases.push_back({account, lease.granted, lease.spent, lease.returned, lease.lost});
    }
    return out;
}

std::map<AccountName, Owner::Lease> Owner::leases(const BudgetWindow& money) const {
    const Money* of = find(money);
    return of == nullptr ? std::map<AccountName, Lease>{} : of->leases;
}

}  // namespace vidai::mesh::budget
