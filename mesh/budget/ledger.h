// SPDX-License-Identifier: Apache-2.0
// Ledger: the owner's side of one log, in one process. It appends what the log's state allows,
// knows what is committed, and lets nothing have an effect before it is: money of an activation is
// granted, a return acknowledged and an edit confirmed once enough custodians have it. What it has
// activated and not granted, its pool, ends with the process: the next one activates anew.
// Pure: the adapter writes entries, sends them and syncs; amounts are micro-dollars. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "mesh/budget/custody.h"
#include "mesh/budget/log_state.h"

namespace vidai::mesh::budget {

class Ledger {
  public:
    Ledger(LogHeader header, Boot boot);  // a log without entries
    // As the volume has it. Nothing of it is committed until custodians say so again. kCorrupt.
    static Result<Ledger> reopen(LogHeader header, std::span<const EntryRef> entries, Boot boot);

    // At the end of the log, and nothing of it counts yet. kConflict: the state does not allow it.
    // kCorrupt: it is no honest entry.
    Result<Seq> append(Entry entry);

    void on_synced(Seq upto);  // here
    void on_ack(const LedgerKey& custodian, Seq upto);
    // Another log has committed an Adopt of this one up to `head`: so much of it is committed, what
    // is beyond will never be.
    void on_adopted(Seq head);
    Seq synced() const { return synced_; }
    Seq committed() const { return committed_; }
    // What was given away has arrived; what was behind `head` does not count.
    void forget_passing(Seq at) { state_.forget_passing(at); }
    void forget_passing_behind(Seq head) { state_.forget_passing_behind(head); }

    // Activated by this process, committed, and not granted: whoever owns the bucket by now.
    MicroUsd pool(const BudgetWindow& money) const;
    std::vector<BudgetWindow> pools() const;  // which there are
    // What this process has activated and committed, and whom it granted how much of that.
    struct Lending {
        MicroUsd activated;
        std::map<Holder, MicroUsd> granted;
    };
    Lending lending(const BudgetWindow& money) const;
    // Of a window that nobody spends from any more.
    void forget_pool(const BudgetWindow& money) { pools_.erase(money); }
    // The total that the account has now: at most `wanted`, and what it had at least. The holder
    // may be this process.
    MicroUsd grant(const Holder& holder, const BudgetWindow& money, MicroUsd wanted);

    const LogHeader& header() const { return header_; }
    Boot boot() const { return boot_; }
    AccountName account(const Holder& holder) const { return {header_.id, boot_, holder}; }
    const LogState& state() const { return state_; }  // with what is not committed yet
    Seq size() const { return first_ + entries_.size(); }
    // All behind those that were dropped.
    std::span<const EntryRef> entries() const { return entries_; }
    // Those behind the first `seq`. CHECKs that none of them was dropped.
    std::span<const EntryRef> entries_behind(Seq seq) const;
    // Of the first `upto` those that are committed and synced are not needed here any more: whoever
    // asks reads them in their batches.
    void drop_entries(Seq upto);

  private:
    struct Pool {
        MicroUsd activated;
        std::map<Holder, MicroUsd> granted;
        MicroUsd granted_sum;
    };
    void advance();
    void take_effect(const Entry& entry);

    LogHeader header_;
    Boot boot_;
    LogState state_;
    std::vector<EntryRef> entries_;
    Seq first_ = 0;  // so many of them were dropped
    std::map<LedgerKey, Seq> acks_;
    Seq synced_ = 0;
    Seq adopted_ = 0;
    Seq committed_ = 0;
    std::map<BudgetWindow, Pool> pools_;
};

}  // namespace vidai::mesh::budget
