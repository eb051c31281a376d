// SPDX-License-Identifier: Apache-2.0
// Logs that nobody needs any more: a later one has, committed, all that they had, and what they
// gave away has arrived. Their owner forgets them, from the oldest on, and says how far; a
// custodian forgets its copies by that, and those of logs that were taken over once it is told by
// whoever has them. To forget moves no money: who has forgotten a log never says that it has sealed
// it, nor that it has any of it, and never begins another copy.
#include <algorithm>
#include <chrono>

#include "mesh/budget/bank.h"
#include "mesh/budget/open_takings.h"
#include "schema/base/mutant.h"

namespace vidai::mesh::budget {

namespace {

constexpr Duration kForgetEvery = std::chrono::milliseconds(500);
constexpr Duration kAskEvery = std::chrono::seconds(5);
constexpr std::size_t kAskedAtOnce = 64;

}  // namespace

// How much of that log the newest one has the place of, and not by an entry that may be gone again;
// nothing: of none of it. All of one that was closed.
std::optional<Seq> Bank::stands_for(const LogId& log) const {
    const OwnLog* newest = books_.newest();
    if (newest == nullptr || newest->header().id == log || !ready()) return std::nullopt;
    const Ledger& ledger = newest->ledger;
    if (!ledger.state().represents(log)) return std::nullopt;
    const auto& adopted = ledger.state().estate().adopted;
    const auto found = adopted.find(log);
    const Seq head = found == adopted.end() ? kWholeLog : found->second;
    if (VIDAI_MUTANT("forgotten-before-commit")) return head;
    bool open = false;
    for_each_open_taking(
        ledger, [](const In&) {},
        [&](const Estate& estate) { open |= estate.represents.contains(log); });
    return open ? std::nullopt : std::optional(head);
}

// The same of an Out.
bool Bank::has_taken(const LogId& from, Seq at) const {
    const Ledger& ledger = books_.newest()->ledger;
    bool open = false;
    for_each_open_taking(
        ledger, [&](const In& in) { open |= in.from == from && in.at == at; },
        [&](const Estate& estate) { open |= estate.taken.contains({from, at}); });
    return ledger.state().has_taken(from, at) && !open;
}

void Bank::on(const LedgerKey& from, const Taken& taken, MonoTime now) {
    (void)from, (void)now;
    const auto own = books_.own().find(taken.log);
    if (own != books_.own().end()) own->second.ledger.forget_passing(taken.at);
    if (KeptLog* copy = books_.kept(taken.log)) copy->custody.forget_passing(taken.at);
}

// All that it gave away, by the word of who has taken it. That a bucket has an owner in reach does
// not tell: it may be one whose log has been sealed, and that has not heard of it.
bool Bank::has_arrived(const LogState& of) const {
    return of.passing().empty() || VIDAI_MUTANT("forgotten-on-its-way");
}

void Bank::ask_over(MonoTime now) {
    if (now - asked_over_ < kAskEvery) return;
    asked_over_ = now;
    std::vector<LogId> asked;
    const auto ask = [&](const LogId& log) {
        const auto over = over_.find(log);
        const bool known = over != over_.end() && over->second != kWholeLog;
        if (asked.size() < kAskedAtOnce && !known) asked.push_back(log);
    };
    for (const auto& [id, copy] : books_.kept()) {
        if (copy.seal_written) ask(id);
    }
    for (const auto& [id, log] : books_.own()) {
        if (&log != books_.newest() && !stands_for(id)) ask(id);
    }
    for (const LogId& log : asked) broadcast(AskOver{log});
}

void Bank::on(const LedgerKey& from, const AskOver& ask, MonoTime now) {
    (void)now;
    if (const auto head = stands_for(ask.log)) send(from, Over{ask.log, false, *head});
}

void Bank::on(const LedgerKey& from, const Over& over, MonoTime now) {
    (void)now;
    const OwnLog* newest = books_.newest();
    if (over.passed && newest != nullptr && newest->header().id == over.log) {
        freeze(over.log,
               "this volume has gone on in later logs, which are not on it: it was rolled back or "
               "copied");
        return;
    }
    learn_over(over.log, over.head);
    const auto custodians = custodians_.find(over.log);
    if (custodians == custodians_.end()) return;
    const auto at = custodians->second.find(from);
    if (at != custodians->second.end()) at->second.heard = at->second.sealed = true;
}

// What a log has behind its head was never committed: an Out there is taken by nobody.
void Bank::learn_over(const LogId& log, Seq head) {
    const auto own = books_.own().find(log);
    KeptLog* copy = books_.kept(log);
    if (own == books_.own().end() && copy == nullptr) return;
    Seq& known = over_.try_emplace(log, head).first->second;
    known = std::min(known, head);
    if (known == kWholeLog) return;
    if (copy != nullptr) copy->custody.forget_passing_behind(known);
    if (own == books_.own().end()) return;
    own->second.ledger.on_adopted(known);
    own->second.ledger.forget_passing_behind(known);
}

void Bank::forget(MonoTime now) {
    if (!frozen_.empty() || now - forgot_ < kForgetEvery) return;
    forgot_ = now;
    ask_over(now);
    forget_own();
    forget_copies();
}

void Bank::forget_own() {
    for (const auto& [id, log] : books_.own()) {
        if (const auto head = stands_for(id)) learn_over(id, *head);
    }
    while (books_.own().size() > 1) {
        OwnLog& oldest = books_.own().begin()->second;
        const LogId id = oldest.header().id;
        if (frozen_logs_.contains(id)) return;
        if (!over_.contains(id)) return;
        if (!has_arrived(oldest.ledger.state())) return;
        drain_pools(oldest);
        for (const BudgetWindow& money : oldest.ledger.pools()) {
            if (oldest.ledger.pool(money).value > 0) return;
        }
        books_.forget_oldest();
        custodians_.erase(id);
        opened_here_.erase(id);
        forget_traces(id);
    }
}

void Bank::forget_copies() {
    for (const auto& [key, peer] : peers_) {
        if (peer.connected) books_.forget_before(key, peer.hello.since);
    }
    std::vector<LogId> gone;
    for (const auto& [id, copy] : books_.kept()) {
        if (!copy.seal_written || frozen_logs_.contains(id)) continue;
        if (const auto head = stands_for(id)) learn_over(id, *head);
        if (over_.contains(id) && has_arrived(copy.custody.state())) gone.push_back(id);
    }
    for (const LogId& id : gone) {
        books_.forget_kept(id);
        forget_traces(id);
    }
    std::erase_if(acknowledged_,
                  [&](const auto& one) { return !books_.kept().contains(one.first); });
    std::erase_if(over_, [&](const auto& one) {
        return !books_.kept().contains(one.first) && !books_.own().contains(one.first);
    });
    std::erase_if(seal_told_, [&](const LogId& log) { return !books_.kept().contains(log); });
}

void Bank::forget_traces(const LogId& log) {
    over_.erase(log);
    legacies_.erase(log);
}

}  // namespace vidai::mesh::budget
