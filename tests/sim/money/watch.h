// SPDX-License-Identifier: Apache-2.0
// MoneyWatch: what must hold of the mesh's money at every moment, from what lies on the disks and
// from the provider's bill, not from what banks believe:
//
//   bill-within-limit    no more is billed than the limits that were in force allow
//   grants-covered       each account's money lies in activations that enough disks hold
//   accounts-add-up      of an account: granted = spent + reserved + free + returned, and what the
//                        provider billed is spent or reserved
//   windows-apart        no account has money of two windows, and windows of a budget only grow
//   one-owner            of each bucket, among logs that may still commit
//   copies-are-prefixes  of their owner's log, and neither grow once sealed nor shrink
//   adopted-whole        a log that ends leaves all that it has committed to its heir
//   folds-agree          whoever folds one head of a log has the same budgets
//   top-ups-end          soon after their time, once faults have ended (ending.cc)
//   forgotten-is-taken   a log that a volume forgets has its place taken by another, and what it
//                        gave away, as far as the volume has it, has been taken, committed
//
// and in the end that each budget can be used, and that what was given away has arrived
// (given-away-arrives; ending.cc). Where a volume was rolled back, which the promise excludes, only
// the verdict is asked for: somebody has noticed, or no more is billed than the limit once again
// for each time (detected-or-bounded); and no log is written anew of which all custodians have more
// (rollback-noticed). One thread.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mesh/budget/bank.h"
#include "tests/sim/money/bill.h"
#include "tests/sim/world.h"

namespace vidai::sim {

class MoneyWatch {
  public:
    using LogId = mesh::budget::LogId;
    using LedgerKey = mesh::budget::LedgerKey;
    using Seq = mesh::budget::Seq;
    // What a commit holds, as it was when its records were taken.
    struct Written {
        std::map<LogId, mesh::budget::Head> heads;
        std::set<LogId> sealed;
    };
    static Written read(const mesh::budget::Books& books);

    MoneyWatch(const Bill& bill, bool rolled_back) : bill_(bill), rolled_back_(rolled_back) {}

    // That is on the disk of `volume`, whose process has `books`.
    void on_disk(const LedgerKey& volume, const mesh::budget::Books& books, const Written& written);
    // A process begins with `books` of its volume.
    void began(const LedgerKey& volume, const mesh::budget::Books& books);
    void holds(const Bill::Name& name, const std::shared_ptr<mesh::budget::Account>& account);
    // The name under which it is held.
    const Bill::Name& holder_of(const mesh::budget::Account& account) const {
        return held_.at(&account).name;
    }
    void billed(const Bill::Name& name);
    void look();  // at what takes longer: one-owner
    void compare(const mesh::budget::Books& books);

    // Of a log's activations by that process, what is committed; of one entry, what was in use of
    // its budget before it.
    MicroUsd activated(const LogId& log, mesh::budget::Boot boot,
                       const mesh::budget::BudgetWindow& money) const;
    Bill::InUse in_use_before(const mesh::budget::Edit& edit) const;
    // Top-ups of which it is committed that they are over, and what was in use just before. Clears.
    struct Ended {
        BudgetId budget;
        std::string id;
        Bill::InUse in_use;
    };
    std::vector<Ended> take_ended() { return std::exchange(ended_, {}); }
    // The last window of a budget that has had money.
    mesh::budget::Ordinal newest_window(const BudgetId& budget) const;
    // By whom a budget's bucket is owned, as far as that is committed.
    const mesh::budget::LogState* owner_of(const BudgetId& budget) const;
    // What of it was lost: with processes that ended, or in grants that did not arrive before their
    // log was over. `living`: processes. `pools`: what theirs have left.
    using Pools = std::map<std::pair<LogId, mesh::budget::Boot>, MicroUsd>;
    MicroUsd stranded(const mesh::budget::BudgetWindow& money,
                      const mesh::budget::WindowState& window,
                      const std::set<mesh::budget::Holder>& living, const Pools& pools) const;

    void violate(std::string rule, std::string detail, bool liveness = false);
    const Violation& violation() const { return violation_; }

  private:
    struct Activation {
        Seq at = 0;
        mesh::budget::Boot boot;
        mesh::budget::BudgetWindow money;
        MicroUsd amount;
    };
    struct Chain {
        std::optional<mesh::budget::LogHeader> header;
        std::map<Seq, mesh::budget::BatchHash> heads;
        std::vector<mesh::budget::EntryRef> entries;
        std::map<LedgerKey, Seq> stored;  // by whom; what a volume had counts when it is lost, too
        std::map<LedgerKey, Seq> sealed;
        std::set<LedgerKey> forgotten_by;
        Seq adopted = 0;  // by another log, and that is committed
        Seq committed = 0;
        std::vector<Activation> activations;
        std::unique_ptr<mesh::budget::LogState> state;  // of what is committed
    };
    void store(const LedgerKey& volume, const LogId& log, const mesh::budget::Head& head,
               const std::vector<mesh::budget::BatchRef>& batches);
    void advance(const LogId& log, Chain& chain);
    void adopted(const LogId& log, Seq head);
    bool taken_over(const LogId& log, Seq stored) const;
    void look_for_forgotten(const LedgerKey& volume, const mesh::budget::Books& books);
    void follow_windows(const LogId& log, const mesh::budget::Entry& entry);
    void follow_top_ups(const mesh::budget::LogState& before, const mesh::budget::Entry& entry);
    bool all_have(const Chain& chain, Seq seq) const;
    bool ended(const Chain& chain) const;

    const Bill& bill_;
    const bool rolled_back_;
    std::map<LogId, Chain> chains_;
    std::map<Bill::Name, std::shared_ptr<mesh::budget::Account>> accounts_;
    struct Held {
        std::shared_ptr<mesh::budget::Account> account;
        Bill::Name name;
    };
    std::map<const mesh::budget::Account*, Held> held_;  // all there ever were
    std::map<BudgetId, mesh::budget::Ordinal> newest_;
    std::map<LedgerKey, std::set<LogId>> put_back_;  // volumes, and the logs that were on them
    std::vector<Ended> ended_;
    Violation violation_;
};

}  // namespace vidai::sim
