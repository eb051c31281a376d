// SPDX-License-Identifier: Apache-2.0
// Owner: how the newest log of this volume lends its budgets' money. Holders say what they need in
// all, and are granted what this process has activated and committed; what the budget has left is
// activated in portions, large enough that a busy budget is not a batch a request, and small enough
// that a crash strands little. When nothing is left to activate, idle money is recalled before
// anybody is refused. It ends top-ups once its clock is past their time. Pure; one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "mesh/budget/books.h"
#include "mesh/budget/calendar.h"
#include "mesh/budget/message.h"
#include "mesh/budget/time_of_day.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::budget {

struct Outgoing {
    LedgerKey to;
    Message message;
};
using Outbox = std::vector<Outgoing>;

// How long a request may wait for money that others hold.
inline constexpr Duration kBusyWait = std::chrono::milliseconds(250);

class Owner {
  public:
    explicit Owner(Books& books) : books_(books) {}

    // What time it is, for windows; nothing: this node's clock is not to be trusted, and no new
    // window opens. Where it is not steady, none beyond the next one.
    void on_clock(const std::optional<TimeOfDay>& time, MonoTime now);

    // A top-up as it would be opened now, and until when. kNotFound: the budget is not
    // this log's; kInvalidRequest: the time has passed, or none is said and no window ends;
    // kUnavailable: this node's clock cannot tell when it ends.
    Result<TopUp> dated(const BudgetId& id, TopUp wanted, MonoTime now) const;

    // Each at this process's own log. False: not so, and whoever asked should be told who we are.
    bool on_want(const Want& want, MonoTime now, Outbox& out);
    bool on_report(const Report& report, MonoTime now, Outbox& out);
    // More is committed, or money has come back.
    void on_progress(MonoTime now, Outbox& out);
    void on_tick(MonoTime now, Outbox& out);
    // What that process holds is stranded until it is heard again.
    void on_holder_lost(const Holder& holder);
    // The log is closed: nobody waits at it any more, and what was lent stays lent.
    void on_closed();

    Position position(const BudgetWindow& money) const;
    // All that is known of one that this log has, for people.
    Sight sight(const BudgetId& id, MonoTime now) const;
    struct Lease {
        MicroUsd granted;
        MicroUsd spent;
        MicroUsd returned;  // committed or not
        bool lost = false;
        std::uint64_t would_refuse = 0;  // requests
    };
    std::map<AccountName, Lease> leases(const BudgetWindow& money) const;
    // A threshold of a budget was reached, and that is committed: nobody else will say so.
    struct Reached {
        BudgetWindow money;
        std::uint8_t percent = 0;
        MicroUsd limit, used;  // when it was
    };
    std::vector<Reached> take_reached() { return std::exchange(reached_, {}); }
    // A log of this volume asked for what it may not: it writes nothing any more.
    const std::string& fault() const { return fault_; }

  private:
    struct Waiting {
        MicroUsd total;
        MicroUsd need;
        MonoTime since;
    };
    struct Money {
        std::map<AccountName, Lease> leases;
        std::map<AccountName, Waiting> waiting;
        MicroUsd unspent;     // granted - spent - returned of leases that are not lost
        MicroUsd activating;  // not committed yet
        MonoTime recalled;
        bool owed = false;     // somebody has spent more than it was granted
        bool dry = false;      // somebody was told that too little is left
        int over = 0;          // so often in a row a threshold was found to be reached
        MicroUsd lent_before;  // sum of grants at the last tick
        MicroUsd lent;
        MicroUsd rate;  // lent in a second, lately
        MonoTime rated;
    };
    struct Activating {
        Seq at;
        BudgetWindow money;
        MicroUsd amount;
    };
    struct Alerting {
        Seq at;
        Reached what;
    };
    struct Returning {
        Seq at;
        ReportAck ack;
    };
    // The window of a budget, without its times where only the log knows; nothing: nobody does.
    std::optional<Window> window_of(const BudgetState& budget, MonoTime now) const;
    Duration ends_in(const BudgetState& budget, MonoTime now) const;
    bool tells_time(const BudgetState& budget) const;
    bool is_due(const BudgetState& budget, const TopUp& one, MonoTime now) const;
    void end_top_ups(const BudgetId& id, MonoTime now);
    void look_round(MonoTime now);
    void watch_thresholds(const BudgetWindow& money, Money& of);
    void forget_past(MonoTime now);
    void serve(const BudgetWindow& money, MonoTime now, Outbox& out);
    void serve_all(MonoTime now, Outbox& out);
    void serve_now(const BudgetWindow& money, Money& of, MonoTime now, Outbox& out);
    void measure(const BudgetWindow& money, Money& of, MonoTime now);
    void cover(const BudgetWindow& money, Money& of, MonoTime now, Outbox& out);
    bool of_this_process(const AccountName& account) const;
    static MicroUsd lacks(const Money& of, const AccountName& account, const Waiting& waiting);
    bool lend(const BudgetWindow& money, Money& of, const AccountName& account, Waiting& waiting);
    void activate(const BudgetWindow& money, Money& of);
    void append_activation(const BudgetWindow& money, Money& of, MicroUsd amount);
    void recall(const BudgetWindow& money, Money& of, MonoTime now, Outbox& out);
    void answer(const BudgetWindow& money, const AccountName& account, MonoTime now, Outbox& out);
    void change(Money& of, const AccountName& account, const Lease& to);
    const Money* find(const BudgetWindow& money) const;
    Ledger& ledger() { return books_.newest()->ledger; }
    const Ledger& ledger() const { return books_.newest()->ledger; }

    Books& books_;
    std::map<BudgetWindow, Money> money_;
    std::set<BudgetWindow> unserved_;  // at which somebody waits, or is owed
    BudgetWindow measured_;            // on_tick() goes on behind it
    std::optional<Duration> clock_;    // wall less mono
    bool steady_ = false;
    MonoTime forgot_;
    std::pair<Bucket, BudgetId> looked_at_;  // the last that look_round() came to
    std::deque<Activating> activating_;
    std::deque<Returning> returning_;
    std::deque<Alerting> alerting_;
    std::vector<Reached> reached_;
    std::string fault_;
};

}  // namespace vidai::mesh::budget
