// SPDX-License-Identifier: Apache-2.0
// LogState: what a log says, folded entry by entry. Owner, custodians and heirs fold alike, and an
// entry that the state before it does not allow is refused by each of them: the rules of the money
// stand here and nowhere else. Pure; one thread.
#pragma once

#include <map>
#include <optional>
#include <span>

#include "mesh/budget/entry.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::budget {

// What both have, as one: CHECKs that no bucket is in both.
void merge(const Estate& from, Estate& into);

// The head that counts of these.
Seq sealed_head(std::span<const SealedHead> seals);

class LogState {
  public:
    explicit LogState(const LogHeader& header);

    // kConflict: the state does not allow it, and is unchanged. kCorrupt: no honest log says it.
    Result<void> apply(const Entry& entry);

    Seq seq() const { return seq_; }  // entries folded
    bool closed() const { return closed_; }
    bool owns(Bucket bucket) const { return !closed_ && estate_.owned[bucket.value]; }
    // Nothing where the bucket is another's or there is no such budget; of a deleted one what is
    // left of it.
    const BudgetState* budget(const BudgetId& id) const;
    // What may still be activated; negative after a lowered limit, and where one that is only
    // observed has spent more.
    MicroUsd free(const BudgetWindow& money) const;
    // Whether what is addressed to `log`, or has it for successor, is this log's to take.
    bool represents(const LogId& log) const;
    bool has_taken(const LogId& from, Seq at) const { return estate_.taken.contains({from, at}); }
    bool has_adopted(const LogId& log) const { return estate_.adopted.contains(log); }
    // What passes with the log: of a closed one as it was before its Close.
    const Estate& estate() const { return estate_; }
    // A bucket that was given away, until `forget_passing`.
    struct Passing {
        Bucket bucket;
        LogId to;
        Budgets budgets;
    };
    const std::map<Seq, Passing>& passing() const { return passing_; }
    void forget_passing(Seq at) { passing_.erase(at); }
    void forget_passing_behind(Seq head) {
        passing_.erase(passing_.upper_bound(head), passing_.end());
    }
    const std::optional<LogId>& closed_to() const { return closed_to_; }

  private:
    Result<void> on(const Genesis& entry);
    Result<void> on(const Open& entry);
    Result<void> on(const Define& entry);
    Result<void> on(const SetLimit& entry);
    Result<void> on(const Remove& entry);
    Result<void> on(const SetRule& entry);
    Result<void> on(const SetPolicy& entry);
    Result<void> on(const Alert& entry);
    Result<void> on(const OpenTopUp& entry);
    Result<void> on(const EndTopUp& entry);
    Result<void> on(const Activate& entry);
    Result<void> on(const Return& entry);
    Result<void> on(const Out& entry);
    Result<void> on(const In& entry);
    Result<void> on(const Close& entry);
    Result<void> on(const Inherit& entry);
    Result<void> on(const Adopt& entry);
    Result<void> on(const AdoptCircle& entry);
    BudgetState* mine(const BudgetId& id);
    static MicroUsd room_of(const BudgetState& budget, Ordinal window);
    static Result<void> change_rule(BudgetState& budget, const Rule& rule);
    Result<void> merge(const Estate& estate);
    void receive(const Budgets& budgets);

    LogId self_;
    bool genesis_ = false;
    bool closed_ = false;
    std::optional<LogId> closed_to_;
    Seq seq_ = 0;
    Estate estate_;
    std::map<Seq, Passing> passing_;
};

}  // namespace vidai::mesh::budget
