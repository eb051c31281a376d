// SPDX-License-Identifier: Apache-2.0
// Bank: one node's part in the mesh's money, whole: it owns buckets of budgets in a log of its own
// and lends from them (Owner), holds leases for its workers (Leases), and keeps copies of others'
// logs as their custodian. It moves its log to new custodians when the mesh grows or one of them is
// gone, gives buckets to nodes that have fewer, and takes over what a dead node owned once enough
// custodians have sealed that node's log.
//
// Nothing that it says leaves before what it rests on is on the disk: the adapter writes
// take_records() whenever !writing(), says so by on_committed(), and sends take_outgoing() after
// each input. No timeout and no verdict about a peer moves money: they only decide when to try.
// Pure: time is an argument. One thread (the mesh thread), but for the accounts that workers use.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mesh/budget/books.h"
#include "mesh/budget/leases.h"
#include "mesh/budget/message.h"
#include "mesh/budget/owner.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::budget {

struct BankOptions {
    bool genesis = false;        // this volume begins the mesh's money, if it has none yet
    std::size_t custodians = 2;  // of a log, where there are so many other nodes
    Duration grace = std::chrono::seconds(5);   // after a death verdict, before a log is sealed
    Duration settle = std::chrono::seconds(2);  // with the same nodes, before a log moves
    // That a log grows by, beyond what it took over, before it goes on in a next generation.
    std::uint64_t log_bytes = 16U << 20;
};

// Something that a log should say, or a counter count.
struct BankNews {
    enum class Kind : std::uint8_t {
        kOpened,      // a log of this volume was opened; detail: generation
        kSealed,      // this node sealed another's log
        kTakenOver,   // this node's log has what another's had
        kSuperseded,  // this node's log was sealed by others
        kFrozen,      // a log has forked, or this volume was rolled back: nothing of it is spent
        kMoved,       // a bucket came to this node's log
    };
    Kind kind = Kind::kOpened;
    LogId log;
    std::string detail;
};

class Bank {
  public:
    // `key` is the volume's, and outlives this.
    Bank(const MeshId& mesh, const seal::SecretKey& key, BankOptions options);
    Bank(const Bank&) = delete;
    Bank& operator=(const Bank&) = delete;

    // The volume's journal, record by record; then begin(), once, before anything else. kCorrupt.
    Result<void> read(std::uint8_t kind, seal::ByteView bytes) { return books_.read(kind, bytes); }
    Result<void> begin(MonoTime now);

    // The disk.
    bool writing() const { return books_.writing(); }
    std::vector<Record> take_records();
    void on_committed(MonoTime now);
    // Nothing is lent, acknowledged or taken over from here on.
    void on_write_failed(const Error& why);

    // Other volumes. One is connected from its Hello on until on_down().
    Hello hello() const;  // for each new connection
    void on_message(const LedgerKey& from, const Message& message, MonoTime now) {
        hear(from, message, now);
        turn(now);
    }
    // The same in two steps, for many that came together: hear() each, then turn().
    void hear(const LedgerKey& from, const Message& message, MonoTime now);
    void turn(MonoTime now);
    void on_down(const LedgerKey& peer, MonoTime now);
    // The detector's verdict. on_message() of it takes it back, unless it says that it is frozen.
    void on_dead(const LedgerKey& peer, MonoTime now);
    // The same of one that this process has never met, of a log that is kept here: its node is gone
    // since before, and nobody else would say so.
    void on_lost(const LedgerKey& owner, MonoTime now);

    // As Owner::on_clock(): each second or so.
    void on_clock(const std::optional<TimeOfDay>& time, MonoTime now) {
        owner_.on_clock(time, now);
    }
    void on_tick(MonoTime now);  // each 50 ms or so
    void close(MonoTime now);    // the node drains: all leases go back
    bool settled() const { return leases_->settled() && !books_.writing(); }

    // Workers: that much of each is lacking for requests that wait.
    void on_asks(const std::map<BudgetId, MicroUsd>& needs, MonoTime now);
    // An operator's wish; take_edits_done() tells how it went, under this id.
    void edit(const Edit& wanted, MonoTime now);
    // Asks a volume, this one or a connected one, what its log knows of budgets; take_seen() has
    // what it answers, under this id. An answer may be lost.
    void look(const LedgerKey& whom, const Look& wanted, MonoTime now);

    // What is to be done after each input. Messages are for connected volumes.
    Outbox take_outgoing() { return std::exchange(out_, {}); }
    std::vector<EditDone> take_edits_done() { return std::exchange(edits_done_, {}); }
    // Thresholds that this node is to tell of.
    std::vector<Owner::Reached> take_reached() { return owner_.take_reached(); }
    std::vector<std::pair<LedgerKey, Seen>> take_seen() { return std::exchange(seen_, {}); }
    std::set<BudgetWindow> take_changed() { return leases_->take_changed(); }
    std::vector<BankNews> take_news() { return std::exchange(news_, {}); }

    const Leases& leases() const { return *leases_; }
    const Owner& owner() const { return owner_; }
    const Books& books() const { return books_; }
    const BankOptions& options() const { return options_; }
    // Whom this one takes for the owner of a bucket; null: nobody that can be reached.
    const LedgerKey* owner_of(Bucket bucket) const;
    // Those that this one, or a connected one, owns and can lend of; not those on their way.
    std::bitset<kBuckets> owned_in_reach() const;
    bool connected(const LedgerKey& peer) const;
    // Connected, and not frozen for as long as its process lives.
    bool at_work(const LedgerKey& peer) const;
    // Whether this process may lend of its newest log.
    bool ready() const;
    std::string frozen() const { return frozen_; }

  private:
    struct Peer {
        Hello hello;
        bool connected = false;
        std::optional<MonoTime> dead;
        MonoTime asked;  // for its newest log, by a would-be heir
    };
    // A custodian of one of this volume's logs.
    struct Custodian {
        bool heard = false;  // by this process
        Head has;
        bool sealed = false;
        Seq sent = 0;
        MonoTime sent_at;
    };
    // A log that may be taken over: what is known of it.
    struct Legacy {
        std::optional<LogHeader> header;
        std::map<LedgerKey, Head> seals;
        std::optional<std::pair<LogId, Seq>> closed;  // in whose favour, and with which entry
        std::map<LedgerKey, Seq> kept_by;             // and how much of it
        std::vector<BatchRef> fetched;
        MonoTime asked, fetch_asked;
    };
    struct Pending {  // an edit that is in a log
        LogId log;
        Seq at = 0;
        LedgerKey from;
        EditDone done;
        BudgetId budget;
    };
    struct Taking {  // an Offer, or a closed log, of which it is asked whether it is committed
        LogHeader log;
        Seq at = 0;
        LogId to;
        std::optional<Bucket> bucket;  // nothing: the whole log
        Budgets budgets;
        std::shared_ptr<const Estate> estate;
        std::set<LedgerKey> attested;
        MonoTime asked;
    };

    void send(const LedgerKey& to, Message message);
    void broadcast(const Message& message);
    void progress(MonoTime now);
    void freeze(const LogId& log, const std::string& why);

    void on(const LedgerKey& from, const Hello& hello, MonoTime now);
    void on(const LedgerKey& from, const Append& append, MonoTime now);
    void on(const LedgerKey& from, const Ack& ack, MonoTime now);
    void on(const LedgerKey& from, const AskAck& ask, MonoTime now);
    void on(const LedgerKey& from, const Taken& taken, MonoTime now);
    void on(const LedgerKey& from, const AskOver& ask, MonoTime now);
    void on(const LedgerKey& from, const Over& over, MonoTime now);
    void on(const LedgerKey& from, const Fetch& fetch, MonoTime now);
    void on(const LedgerKey& from, const Offer& offer, MonoTime now);
    void on(const LedgerKey& from, const Ended& ended, MonoTime now);
    void on(const LedgerKey& from, const Want& want, MonoTime now);
    void on(const LedgerKey& from, const Grant& grant, MonoTime now);
    void on(const LedgerKey& from, const Report& report, MonoTime now);
    void on(const LedgerKey& from, const ReportAck& ack, MonoTime now);
    void on(const LedgerKey& from, const Recall& recall, MonoTime now);
    void on(const LedgerKey& from, const Edit& edit, MonoTime now);
    void on(const LedgerKey& from, const EditDone& done, MonoTime now);
    void on(const LedgerKey& from, const Changed& changed, MonoTime now);
    void on(const LedgerKey& from, const Look& look, MonoTime now);
    void on(const LedgerKey& from, const Seen& seen, MonoTime now);

    std::optional<Leases::Lender> lender(Bucket bucket) const;

    // bank_operators.cc: with edit(), look() and what comes of them elsewhere.
    Result<Seq> append(const Edit& edit, MonoTime now);

    // bank_custody.cc: the two sides of custody.
    void replicate(MonoTime now);
    void replicate(const OwnLog& log, const LedgerKey& to, Custodian& at, MonoTime now);
    void acknowledge();
    void acknowledge(const LedgerKey& to, const KeptLog& copy);
    bool confirmed(const LogHeader& log) const;
    std::size_t sealed_by(const LogHeader& log) const;
    bool keeps(const Legacy& of) const;  // as its custodian, what its owner appends

    // bank_passing.cc: logs and buckets that change hands.
    void open_first(MonoTime now);
    void move_if_due(MonoTime now);
    std::vector<LedgerKey> wanted_custodians() const;
    bool is_long(const OwnLog& log) const;
    void open_next(std::vector<LedgerKey> custodians);
    void pass_on(MonoTime now);
    void pass_on(OwnLog& old, MonoTime now);
    void drain_pools(OwnLog& old);
    void drain_pool(OwnLog& log, const BudgetWindow& money);
    void offer(MonoTime now);
    void rebalance(MonoTime now);
    void take(MonoTime now);
    bool take(Taking& taking, MonoTime now);
    void tell_taken(const OwnLog& log, Seq told);
    void attest(Taking& taking, MonoTime now);

    // bank_legacy.cc: logs that have ended.
    void seal_dead(MonoTime now);
    Legacy* legacy(const LogId& log);  // null: there is no room for another
    bool has_heir(const LogId& log) const;
    bool all_owned() const;
    void tell_ended(MonoTime now);
    std::optional<LogState> state_of(const LogHeader& header, Legacy& of, Seq head, MonoTime now);
    void adopt(MonoTime now);
    bool adopt(const LogHeader& header, Legacy& of, MonoTime now);
    void take_closed(const LogHeader& header, Legacy& of, MonoTime now);
    void adopt_circle(MonoTime now);
    std::optional<std::pair<EndedLog, Estate>> ended_log(Legacy& of, MonoTime now);
    void claim(std::vector<EndedLog> circle, const std::map<LogId, Estate>& estates);

    // bank_forgetting.cc: logs that nobody needs any more.
    std::optional<Seq> stands_for(const LogId& log) const;
    bool has_taken(const LogId& from, Seq at) const;
    bool has_arrived(const LogState& of) const;
    void ask_over(MonoTime now);
    void learn_over(const LogId& log, Seq head);
    void forget(MonoTime now);
    void forget_own();
    void forget_copies();
    void forget_traces(const LogId& log);

    const MeshId mesh_;
    const BankOptions options_;
    Books books_;
    Owner owner_;
    std::optional<Leases> leases_;  // from begin() on
    bool boot_written_ = false;
    std::map<LedgerKey, Peer> peers_;
    std::map<LogId, std::map<LedgerKey, Custodian>> custodians_;  // of own logs
    std::set<LogId> opened_here_;  // by this process: nobody can know more of them
    std::set<LogId> frozen_logs_;
    std::string frozen_;
    std::map<LogId, Head> acknowledged_;  // of kept ones, to their owner
    std::set<LogId> seal_told_;
    // Of those that are here: another has its place, for good, and all of it up to there.
    std::map<LogId, Seq> over_;
    std::map<LogId, Legacy> legacies_;
    std::map<std::pair<LogId, Seq>, Taking> taking_;
    std::vector<Pending> pending_;
    Seq progressed_ = 0;
    LogId progressed_log_;
    std::optional<Hello> told_;  // the last one that was broadcast
    std::vector<LedgerKey> ring_;
    MonoTime ring_since_;
    MonoTime offered_, rebalanced_, told_ended_, circle_tried_, asked_over_, forgot_;
    Outbox out_;
    std::vector<EditDone> edits_done_;
    std::vector<std::pair<LedgerKey, Seen>> seen_;
    std::vector<BankNews> news_;
};

}  // namespace vidai::mesh::budget
