// SPDX-License-Identifier: Apache-2.0
// Leases: the money that this process holds and its workers spend. A budget's account is asked for
// when a request first needs it, filled before the dearest request lately would find too little in
// it, and given back when it idles, when its owner recalls it, when another account takes its place
// and when the node drains.
// What it has given back it repeats until whoever owns the budget has it on record.
// A tick looks at those that are in use and at a part of the others: with 10^5 of them at rest it
// costs as much as with 5,000 in use.
// Pure; one thread, but for the accounts themselves, which workers reserve from meanwhile.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "mesh/budget/account.h"
#include "mesh/budget/message.h"
#include "mesh/budget/owner.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::budget {

inline constexpr std::size_t kPursesMax = 131'072;  // of budgets in use at one node at once

class Leases {
  public:
    // A process that lends of a bucket.
    struct Lender {
        LogId log;
        Boot boot;
    };
    // Nothing: nobody who can be reached has it.
    using Find = std::function<std::optional<Lender>(Bucket)>;
    struct Purse {
        AccountName name;
        std::shared_ptr<Account> account;  // null: nobody has been asked yet
        Position position;
        bool dry = false;   // its owner was asked for more than it has left
        bool told = false;  // its owner has answered once: before that it has no position
    };

    // Whether that process of that log will not lend any more.
    using IsPast = std::function<bool(const AccountName&)>;

    Leases(Holder self, Find find, IsPast is_past)
        : self_(self), find_(std::move(find)), is_past_(std::move(is_past)) {}

    // Requests lack that much. Repeated as long as they wait.
    void on_ask(const BudgetId& budget, MicroUsd need, MonoTime now, Outbox& out);
    void on_grant(const Grant& grant, MonoTime now, Outbox& out);
    void on_report_ack(const ReportAck& ack);
    void on_recall(const Recall& recall, MonoTime now, Outbox& out);
    // A budget was made or changed: what is known of it may be no more.
    void on_changed(const Changed& changed, MonoTime now, Outbox& out);
    void on_tick(MonoTime now, Outbox& out);
    // The node drains: nothing is asked for any more, and all that is idle goes back.
    void close(MonoTime now, Outbox& out);
    // Whether all has been given back and recorded.
    bool settled() const;

    // The account that a request of now would spend from; nothing: it was never asked for.
    std::optional<Purse> purse(const BudgetWindow& money) const;
    // The window of a budget as its owner said last, 0 before that. Once it is over nothing is
    // spent from it, and whoever asks hears of the next one.
    struct Turn {
        Ordinal window = 0;
        std::optional<MonoTime> ends;  // nothing: never
        WallTime renews{};             // the same for people; zero: never, or its owner cannot tell
        bool ended = false;            // workers were told
        bool over(MonoTime now) const { return ends && now >= *ends; }
    };
    Turn turn_of(const BudgetId& budget) const;
    // What workers have not been told yet. Clears it.
    std::set<BudgetWindow> take_changed();
    // All accounts of a budget, those which only settle among them.
    std::vector<Purse> all(const BudgetWindow& money) const;
    // The windows of which it has accounts.
    std::vector<BudgetWindow> windows() const;
    const Holder& self() const { return self_; }

  private:
    struct Held {  // one account
        AccountName name;
        std::shared_ptr<Account> account = std::make_shared<Account>();
        MicroUsd reported;  // returned, as its owner has it on record
        MonoTime told;      // when the owner was told that last
        MicroUsd spoken;    // spent, as the owner was told last
        MonoTime spoke;
        MonoTime used;  // when it was last seen to be
        MonoTime busy;  // the same, or granted
        MicroUsd used_before;
        MicroUsd passed;  // of what it owed, to the account in its place
    };
    struct Money {
        std::optional<Held> current;
        std::vector<Held> closing;
        Position position;
        bool dry = false, told = false;   // as in Purse
        MicroUsd need;                    // that waiting requests lack, as far as it is there
        MicroUsd lacks;                   // the same, there or not
        MonoTime needed;                  // when one last said so
        std::optional<MonoTime> unowned;  // since when nobody is known to own it
        MonoTime wanted;                  // when its owner was asked last, answered or not
        std::optional<MonoTime> asked;    // when the owner was last asked, if it has not answered
        MicroUsd rate;                    // spent in a second, lately
        MicroUsd dearest;                 // that one request has asked for, lately
        MonoTime hold_off;                // till then nothing is asked for ahead: there was no more
        MicroUsd spent_before;
        MonoTime rated;
    };
    void ask(const BudgetWindow& money, Money& of, MonoTime now, Outbox& out);
    static void note_spoken(Held& held, MonoTime now);
    void report(const BudgetWindow& money, Held& held, MonoTime now, Outbox& out);
    void give_back(const BudgetWindow& money, Held& held, MonoTime now, Outbox& out);
    void retire(const BudgetWindow& money, Money& of, MonoTime now, Outbox& out);
    void set(const BudgetWindow& money, Money& of, const Position& position);
    void take_turn(const Grant& grant, MonoTime now, Outbox& out);
    void end_turns(MonoTime now, Outbox& out);
    void watch(const BudgetWindow& money, Money& of, MonoTime now, Outbox& out);
    static void pass_debt(Held& from, Held& to);
    static MicroUsd ahead(const Money& of);
    static void measure(Money& of, MonoTime now);
    static bool idles(const Money& of, MonoTime now);
    static bool done(const Held& held);
    // Whether it must be looked at again at the next tick.
    static bool is_awake(const Money& of, MonoTime now);
    void watch_some(MonoTime now, Outbox& out);
    bool is_long_past(std::map<BudgetWindow, Money>::const_iterator at) const;
    static std::vector<Held>::iterator find_closing(Money& of, const AccountName& name);

    const Holder self_;
    const Find find_;
    const IsPast is_past_;
    bool closed_ = false;
    std::map<BudgetWindow, Money> money_;
    std::set<BudgetWindow> awake_;    // in use, or something is to come of them
    BudgetWindow watched_;            // of the others on_tick() goes on behind it
    std::map<BudgetId, Turn> turns_;  // of budgets that have windows
    MonoTime first_end_{};            // no turn ends before
    std::set<BudgetWindow> changed_;
};

}  // namespace vidai::mesh::budget
