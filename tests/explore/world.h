// SPDX-License-Identifier: Apache-2.0
// World: every ledger, copy and account of a scenario, as a value that can be copied, and all that
// may happen to it next. Messages are cumulative, so that whatever was said once may arrive at any
// later time, any number of times, or never: a message is not kept, what it would say is read where
// it is acted upon, and not acting is always allowed. The rules are the real cores' own: an action
// is offered wherever somebody could think of it, and a core refuses it or not. One thread.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mesh/budget/account.h"
#include "mesh/budget/custody.h"
#include "mesh/budget/ledger.h"
#include "tests/explore/scenario.h"

namespace vidai::explore {

enum class Kind : std::uint8_t {
    kDeliver,   // log's next entry to custodian `arg`, which says that it has it
    kSeal,      // by custodian `arg` of log
    kActivate,  // one more, by log
    kRecord,    // log records what account `arg` says it returned
    kOut,       // log gives the bucket to log `arg`
    kClose,     // log in favour of log `arg`
    kEdit,      // log sets the limit `arg`
    kGrant,     // log grants one more to node `arg`
    kTake,      // log takes entry `at` of log `arg`, an Out or a Close
    kAdopt,     // log adopts log `arg`
    kCircle,    // log adopts the circle of the logs whose bits are in `arg`
    kSpend,     // account `arg`, one
    kGiveBack,  // account `arg`, one
    kCrash,     // node `log`
    kReclaim,   // a mutant's: log takes back what account `arg` has not used
};
struct Action {
    Kind kind = Kind::kDeliver;
    int log = 0;
    int arg = 0;
    int at = 0;
    friend auto operator<=>(const Action&, const Action&) = default;
};
std::string describe(const Action& action);

// The logs that an entry adopts, and up to where.
std::vector<std::pair<mesh::budget::LogId, mesh::budget::Seq>> adopted_by(
    const mesh::budget::Entry& entry);

// Two hashes of a state: one in 2^64 million pairs of states is taken for one.
struct Digest {
    std::uint64_t a = 0, b = 0;
    friend bool operator==(const Digest&, const Digest&) = default;
};

class World {
  public:
    explicit World(const Scenario& scenario);  // outlives this

    // `faults`: with crashes, seals, handovers, edits, and within the scenario's bounds.
    std::vector<Action> actions(bool faults) const;
    // False when a core refused, and nothing changed.
    bool perform(const Action& action);
    // Which invariant is broken, or nothing. Of the present state.
    std::string broken() const;
    Digest digest() const;

    // After faults have ended: nothing where one log can act and all money of its budget is spent
    // or accounted for as lost with a process that ended.
    std::string stuck() const;
    bool seal_quorum(int log) const;
    std::int64_t billed() const;

  private:
    using Ledger = mesh::budget::Ledger;
    using Custody = mesh::budget::Custody;
    struct Purse {  // an account at its holder, and what the provider will charge
        Purse() = default;
        Purse(const Purse& other) : account(other.account.copy()), billed(other.billed) {}
        mesh::budget::Account account;
        std::int64_t billed = 0;
    };

    int node_of(int log) const { return scenario_->logs[static_cast<std::size_t>(log)].node; }
    Ledger& ledger(int log) { return ledgers_[static_cast<std::size_t>(log)]; }
    const Ledger& ledger(int log) const { return ledgers_[static_cast<std::size_t>(log)]; }
    const std::vector<Custody>& copies(int log) const {
        return copies_[static_cast<std::size_t>(log)];
    }
    mesh::budget::Holder process(int node) const;
    bool alive(const mesh::budget::AccountName& name) const;
    const mesh::budget::AccountName& account(int index) const;
    int log_of(const mesh::budget::LogId& id) const;
    bool room(int log, bool faults) const;

    void money_actions(int log, bool faults, std::vector<Action>& out) const;
    void passing_actions(int log, const std::vector<int>& circles, std::vector<Action>& out) const;
    void fault_actions(int log, std::vector<Action>& out) const;
    void seal_actions(int log, std::vector<Action>& out) const;
    void account_actions(bool faults, std::vector<Action>& out) const;

    bool deliver(int log, int copy);
    bool grant(int log, int node);
    bool take(int log, int from, mesh::budget::Seq at);
    std::vector<mesh::budget::SealedHead> seals(int log) const;
    bool adopt(int log, int of, mesh::budget::Seq head);
    bool adopt_circle(int log, int logs);
    mesh::budget::EndedLog ended(int log) const;
    std::vector<int> circles() const;
    bool record(int log, int index, bool reported);
    bool use(const Action& action);
    void crash(int node);
    void spread();  // what custodians and adopters would say, to whom it concerns
    bool append(int log, mesh::budget::Entry entry);
    mesh::budget::Proof proof(int log, mesh::budget::Seq at) const;
    mesh::budget::LogState state_at(int log, mesh::budget::Seq upto) const;
    mesh::budget::LogState committed_state(int log) const;
    std::string overspent() const;
    std::string lowered() const;
    std::int64_t lost() const;

    const Scenario* scenario_;
    std::vector<Ledger> ledgers_;
    std::vector<std::vector<Custody>> copies_;  // by log and place among its custodians
    std::vector<mesh::budget::Boot> boots_;
    std::map<mesh::budget::AccountName, Purse> accounts_;
    int crashes_ = 0;
};

}  // namespace vidai::explore
