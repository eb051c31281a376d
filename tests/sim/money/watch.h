// SPDX-License-Identifier: Apache-2.0
// MoneyWatch: what must hold of the mesh's money at every moment, from what lies on the disks and
// from the provider's bill, not from what banks believe:
//
//   bill-within-limit    no more is billed than the limits that were in force allow
//   grants-covered       each account's money lies in activations that enough disks hold
//   accounts-add-up      of an account: granted = spent + reserved + free + returned
//   one-owner            of each bucket, among logs that may still commit
//   copies-are-prefixes  of their owner's log, and neither grow once sealed nor shrink
//   folds-agree          whoever folds one head of a log has the same budgets
//   forgotten-is-taken   a log that a volume forgets has its place taken by another, committed
//
// and in the end budget-usable and stranded-by-the-dead (clients.cc). Where a volume was rolled
// back, which the promise excludes, only the verdict is asked for: somebody has noticed, or no more
// is billed than the limit once again for each time. Not here yet: windows.
// One thread.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
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
    void billed(const Bill::Name& name);
    void look();  // at what takes longer: one-owner
    void compare(const mesh::budget::Books& books);

    // Of a log's activations by that process, what is committed; of one entry, what was in use of
    // its budget before it.
    MicroUsd activated(const LogId& log, mesh::budget::Boot boot, const BudgetId& budget) const;
    MicroUsd in_use_before(const BudgetId& budget, MicroUsd limit) const;
    // By whom a budget's bucket is owned, as far as that is committed.
    const mesh::budget::LogState* owner_of(const BudgetId& budget) const;
    // What of it was lost: with processes that ended, or in grants that did not arrive before their
    // log was over. `living`: processes. `pools`: what theirs have left.
    using Pools = std::map<std::pair<LogId, mesh::budget::Boot>, MicroUsd>;
    MicroUsd stranded(const BudgetId& budget, const mesh::budget::WindowState& window,
                      const std::set<mesh::budget::Holder>& living, const Pools& pools) const;

    void violate(std::string rule, std::string detail, bool liveness = false);
    const Violation& violation() const { return violation_; }

  private:
    struct Activation {
        Seq at = 0;
        mesh::budget::Boot boot;
        BudgetId budget;
        MicroUsd amount;
    };
    struct Chain {
        std::optional<mesh::budget::LogHeader> header;
        std::map<Seq, mesh::budget::BatchHash> heads;
        std::vector<mesh::budget::EntryRef> entries;
        std::map<LedgerKey, Seq> stored;  // by whom; what a volume had counts when it is lost, too
        std::map<LedgerKey, Seq> sealed;
        std::set<LedgerKey> forgotten_by;
        Seq committed = 0;
        std::vector<Activation> activations;
        std::unique_ptr<mesh::budget::LogState> state;  // of what is committed
    };
    void store(const LedgerKey& volume, const LogId& log, const mesh::budget::Head& head,
               const std::vector<mesh::budget::BatchRef>& batches);
    void advance(const LogId& log, Chain& chain);
    bool taken_over(const LogId& log) const;
    void look_for_forgotten(const LedgerKey& volume, const mesh::budget::Books& books);
    bool ended(const Chain& chain) const;

    const Bill& bill_;
    const bool rolled_back_;
    std::map<LogId, Chain> chains_;
    std::map<Bill::Name, std::shared_ptr<mesh::budget::Account>> accounts_;
    Violation violation_;
};

}  // namespace vidai::sim
