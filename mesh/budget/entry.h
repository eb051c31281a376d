// SPDX-License-Identifier: Apache-2.0
// What a ledger's log consists of. Money moves only by an entry committed in the log that has it,
// or by sealing that log: never by a timeout, a clock or a detector. Amounts are micro-dollars.
// Value types; any thread.
#pragma once

#include <bitset>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "mesh/budget/calendar.h"
#include "mesh/budget/names.h"
#include "mesh/budget/policy.h"
#include "mesh/budget/top_up.h"
#include "mesh/seal/encoding.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh::budget {

// Fixed when the log is opened. A changed set of custodians is a new generation.
struct LogHeader {
    LogId id;
    std::vector<LedgerKey> custodians;  // at most kCustodiansMax, none of them the log's own
    LogId successor;                    // the one log that may adopt this one
    bool genesis = false;               // may begin with Genesis
    friend bool operator==(const LogHeader&, const LogHeader&) = default;
};
inline constexpr std::size_t kCustodiansMax = 3;

// How many custodians make an entry committed, and how many seals end a log. Together one more
// than there are custodians, so that each commit is seen by each seal.
struct Quorum {
    std::size_t act = 0;
    std::size_t seal = 0;  // kNever: a log without custodians waits for its volume
    static constexpr std::size_t kNever = kCustodiansMax + 1;
};
Quorum quorum_of(std::size_t custodians);

struct WindowState {
    MicroUsd activated;                        // A: may be spent, or was
    std::map<AccountName, MicroUsd> returned;  // U: will not be spent under that account
    MicroUsd returned_sum;                     // V
    std::uint8_t alerted = 0;                  // percent: the highest threshold told of
    MicroUsd in_use() const { return activated - returned_sum; }
    friend bool operator==(const WindowState&, const WindowState&) = default;
};
struct BudgetState {
    MicroUsd limit;
    std::map<Ordinal, WindowState> windows;  // the newest two
    Rule rule{};                             // when it begins anew
    bool deleted = false;                    // and what is in use of its windows stays so
    std::uint16_t calendar = 0;              // how often it was given another rule
    Policy policy{};
    TopUps top_ups{};
    friend bool operator==(const BudgetState&, const BudgetState&) = default;
};
// The limit in force: what operators have set, with what they have topped it up by.
inline MicroUsd limit_of(const BudgetState& budget) {
    return capped_sum(budget.limit, budget.top_ups.sum());
}
using Budgets = std::map<std::pair<Bucket, BudgetId>, BudgetState>;

inline constexpr Seq kWholeLog = std::numeric_limits<Seq>::max();

// All that a log has, as it passes to an heir.
struct Estate {
    std::bitset<kBuckets> owned;
    Budgets budgets;  // of owned buckets
    // The logs whose place this one takes, itself among them: what is addressed to one of them, or
    // names it as successor, is this one's to take. And what has been taken.
    std::set<LogId> represents;
    std::set<std::pair<LogId, Seq>> taken;
    std::map<LogId, Seq> adopted;  // and the head that counts of each
    friend bool operator==(const Estate&, const Estate&) = default;
};

struct Genesis {};  // all buckets; only at the start of the mesh's first log
struct Open {};     // nothing yet: the start of any other, so that its custodians know of it
struct Define {     // a new one, or one that was deleted, again
    BudgetId budget;
    MicroUsd limit;
    Rule rule{};
    Policy policy{};
};
struct SetLimit {  // binds from its commit; below what is in use, nothing more is activated
    BudgetId budget;
    MicroUsd limit;
};
struct Remove {
    BudgetId budget;
};
struct SetRule {  // begins a window of that calendar, of which nothing is in use
    BudgetId budget;
    Rule rule;
};
struct SetPolicy {
    BudgetId budget;
    Policy policy;
};
struct Alert {  // whoever owns this is to tell that a threshold is reached: once in a window
    BudgetWindow money;
    std::uint8_t percent = 0;
};
struct OpenTopUp {  // binds from its commit, as a raised limit does
    BudgetId budget;
    std::string id;  // that a repeat of it changes nothing
    TopUp top_up;
};
struct EndTopUp {  // binds as a lowered limit does
    BudgetId budget;
    std::string id;
};
// This process may grant so much more. Of a budget that is only observed, beyond the limit too: for
// what holders have spent that they had not been granted.
struct Activate {
    BudgetWindow money;
    Boot boot;
    MicroUsd amount;
};
struct Return {  // a holder will not spend so much of an account; cumulative
    BudgetWindow money;
    AccountName account;
    MicroUsd returned;
};
struct Out {  // the bucket is `to`'s, once it takes it
    Bucket bucket;
    LogId to;
};
// Why somebody else may take an entry for committed: enough custodians have said that they have it.
struct Proof {
    LogHeader log;  // that it is in, or that has committed an Adopt which covers it
    std::vector<LedgerKey> attested_by;
};
struct In {  // takes a committed Out, the entry that ends at `at`
    Bucket bucket;
    LogId from;
    Seq at = 0;
    LogId to;  // whom it was addressed to
    Proof proof;
    Budgets budgets;  // as they were there
};
struct Close {  // the last entry: everything passes to a later log of this volume
    LogId to;
};
struct Inherit {  // takes a committed Close
    LogId from;
    Seq at = 0;
    LogId to;
    Proof proof;
    std::shared_ptr<const Estate> estate;  // as it was before
};
struct SealedHead {
    LedgerKey custodian;
    Seq head = 0;
};
struct Adopt {         // takes what a sealed log had
    LogHeader header;  // of that log
    std::vector<SealedHead> seals;
    Seq head = 0;  // nothing beyond it is or will be committed: LogState says which it may be
    bool closed =
        false;  // its Close is in the head: its target is the heir, and this takes nothing
    std::shared_ptr<const Estate> estate;
};
// What custodians say of a log that nothing follows in any more.
struct EndedLog {
    LogHeader header;
    std::vector<SealedHead> seals;   // of each custodian; of a closed log, of who has its Close
    Seq head = 0;                    // what of it is committed (circle.h)
    std::optional<LogId> closed_to;  // whom its Close names, where that is in the head
    std::set<LogId> represents;      // as the log itself had it in the head
};
struct AdoptCircle {                       // takes what a circle's logs had (circle.h)
    std::vector<EndedLog> logs;            // at most kCircleMax
    std::shared_ptr<const Estate> estate;  // of those that are not closed, together
};
inline constexpr std::size_t kCircleMax = 256;

using Entry =
    std::variant<Genesis, Define, SetLimit, Activate, Return, Out, In, Close, Inherit, Adopt, Open,
                 Remove, SetRule, AdoptCircle, SetPolicy, Alert, OpenTopUp, EndTopUp>;
using EntryRef = std::shared_ptr<const Entry>;

}  // namespace vidai::mesh::budget
