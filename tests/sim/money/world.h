// SPDX-License-Identifier: Apache-2.0
// MoneyWorld: the banks of a few nodes as they ship, each on a journal as it ships, on a disk and
// between wires that keep as few promises as real ones; clients who spend, operators, and a failure
// detector that is sometimes wrong. A world is built from a story and nothing else, so one seed is
// one history, down to its trace hash. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mesh/budget/bank.h"
#include "mesh/budget/budget_table.h"
#include "mesh/budget/time_of_day.h"
#include "mesh/journal/journal.h"
#include "mesh/limits/counter_table.h"
#include "node/admit/permit.h"
#include "schema/base/rng.h"
#include "tests/mesh/journal/memory_volume.h"
#include "tests/sim/money/bill.h"
#include "tests/sim/money/story.h"
#include "tests/sim/money/watch.h"
#include "tests/sim/money/wires.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/world.h"

namespace vidai::sim {

class MoneyWorld : private Wires::Ends {
  public:
    explicit MoneyWorld(const MoneyStory& story);
    MoneyWorld(const MoneyWorld&) = delete;
    MoneyWorld& operator=(const MoneyWorld&) = delete;

    // All of the story, and then what must be left: all that was not lost with processes that
    // ended, or on volumes that were lost, must be had by the cheapest requests that there are.
    void live();

    // Or piece by piece. Until an operator asks for the first budget, which is team-0.
    void begin();
    // Runs what is due until then, or until a rule is broken.
    void run(Duration time);
    void perform(const MoneyEvent& event);
    // One request that does not wait; true: it was billed.
    bool ask_once(std::size_t node, const BudgetId& budget, MicroUsd amount);
    // Which node, as the first one that runs has heard.
    std::optional<std::size_t> owner_of(const BudgetId& budget) const;

    bool broken() const { return !watch_.violation().rule.empty(); }
    MicroUsd billed(const mesh::budget::BudgetWindow& money) const { return bill_.of(money); }
    MicroUsd overspent() const;  // beyond what was allowed, of all windows together
    Outcome outcome() const;

  private:
    struct Request {
        std::vector<BudgetId> budgets;  // that it stands under
        MicroUsd amount;
        MonoTime until;
        bool last_penny = false;
    };
    struct Call {  // of the provider
        std::vector<BudgetId> budgets;
        std::vector<Bill::Name> names;  // of the accounts that it is reserved in
        node::admit::Permit permit;
        MicroUsd amount;
        bool last_penny = false;
    };
    struct Node {
        std::unique_ptr<mesh::seal::SecretKey> key;
        std::unique_ptr<mesh::journal::MemoryVolume> volume;
        std::vector<std::uint8_t> copy;  // of the volume, for kRollBack
        std::optional<mesh::journal::Journal> journal;
        std::unique_ptr<mesh::budget::Bank> bank;
        bool writing = false;
        bool wanted = true;  // up, but for faults
        std::uint32_t life = 0;
        std::uint32_t volumes = 0;    // before this one
        MoneyWatch::Written written;  // by the commit that is at work
        std::map<mesh::budget::LedgerKey, MonoTime> absent;
        std::deque<Request> waiting;
        mesh::budget::BudgetTable table;  // what workers look at
        mesh::budget::ClockJudge judge;
        Duration skew{};   // of its clock, from the true time
        Duration drift{};  // and what comes to it with each tick
    };
    struct Wish {  // of an operator
        mesh::budget::Edit edit;
        MonoTime asked{};
        std::optional<MonoTime> over;
        bool failed = false;
    };

    bool running(std::size_t node) const override { return nodes_[node].bank != nullptr; }
    mesh::budget::LedgerKey key(std::size_t node) const override;
    void connected(std::size_t node, std::size_t peer) override;
    void disconnected(std::size_t node, const mesh::budget::LedgerKey& peer) override;
    void arrived(std::size_t node, const mesh::budget::LedgerKey& from,
                 const mesh::budget::Message& message) override;

    // What banks are told: what they call mono goes on by a day at once in a night.
    MonoTime now() const { return scheduler_.now() + slept_; }
    WallTime true_time() const;

    // world.cc: processes and disks.
    void new_volume(std::size_t node);
    void start(std::size_t node);
    bool open(std::size_t node);
    void stop(std::size_t node, bool power);
    void stumble(std::size_t node);
    void back(std::size_t node, Duration after);
    void turn_bit(std::size_t node, Rng& rng);
    void lose_volume(std::size_t node);
    void after(std::size_t node);
    void commit(std::size_t node, std::uint32_t life);
    void rewrite_if_due(std::size_t node);
    void tick(std::size_t node, std::uint32_t life);
    void detect(std::size_t node);
    void tell_time(std::size_t node);
    std::optional<std::size_t> node_of(const mesh::budget::LedgerKey& key) const;

    // clients.cc
    void think(std::size_t node);
    bool try_spend(std::size_t node, const Request& request);
    void send(std::size_t node, Call call);
    bool fund(std::size_t node, Call& call);
    void ended(std::size_t node, Call call, MicroUsd cost);
    void retry(std::size_t node);
    void ask(std::size_t node);
    void publish(std::size_t node, const std::set<BudgetId>& budgets);
    mesh::budget::BudgetEntry entry_of(std::size_t node, const BudgetId& budget);

    // operators.cc
    void create(std::size_t node, MicroUsd limit, Rng& rng);
    void wish(std::size_t node, mesh::budget::Edit edit);
    void answered(const mesh::budget::EditDone& done);
    void edit_some(const MoneyEvent& event);
    void top_up(const MoneyEvent& event, const BudgetId& budget, Rng& rng);
    void hear_of_ends();
    mesh::budget::Rule draw_rule(Rng& rng) const;

    // events.cc
    void heal();  // all faults end, and who is down starts
    void cut(const MoneyEvent& event, bool on);
    void perform_on_time(const MoneyEvent& event);
    void night(Duration before_midnight);

    // ending.cc
    void spend_the_rest();
    void spend_the_rest(const BudgetId& budget);
    std::string describe(const mesh::budget::BudgetWindow& money) const;
    void judge(const BudgetId& budget);
    void judge_given_away();
    void judge_rolled_back(const BudgetId& budget);
    void judge_top_ups(const BudgetId& budget, const mesh::budget::BudgetState& state);
    void judge_usable(const mesh::budget::BudgetWindow& money,
                      const mesh::budget::BudgetState& state);
    void note(const std::string& line);
    void trace(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3; }

    const MoneyStory story_;
    const MeshId mesh_{};
    mesh::limits::CounterTable counters_{1};  // of soft limits, which nobody has here
    Scheduler scheduler_;
    Duration slept_{};
    WallTime latest_{};  // that a node's clock has said
    Rng rng_, clients_rng_, disk_rng_, starts_rng_;
    Bill bill_;
    MoneyWatch watch_;
    std::vector<Node> nodes_;
    std::map<mesh::budget::LedgerKey, std::size_t> names_;  // of all volumes there ever were
    Wires wires_;
    std::vector<BudgetId> budgets_;  // that may exist
    std::map<std::uint64_t, Wish> wishes_;
    bool thinking_ = true;
    bool healed_ = false;
    std::size_t lost_volumes_ = 0;
    bool detected_ = false;  // that a volume was rolled back
    std::uint64_t served_ = 0;
    std::uint64_t hash_ = 0xcbf29ce484222325;
    std::deque<std::string> history_;
};

// The whole of one seed.
Outcome run_money(const MoneyStory& story, bool verbose = false);

}  // namespace vidai::sim
