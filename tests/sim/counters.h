// SPDX-License-Identifier: Apache-2.0
// Soft limits in the world: each node's real CounterTable, CounterStore and CounterFanout, under
// requests drawn from the plan. Rules, after every step that could break one:
//  - no admission exceeds a limit by more than the published bound of the run so far (I9): the
//    arrivals are those admitted, the delay is the age of the oldest news missing at a decision;
//  - no node believes more of another than that one really charged, or spent;
//  - what is held is bounded, and collected when its windows have passed (I12);
//  - merging in any order, repeated, gives the same (I15);
//  - a node passes each batch on once, and believes none that its origin has not signed; where
//    nothing goes wrong and each can tell all of its few connections, all hear it;
//  - what a process counts, its own cells hold, whatever is said by another of its name;
//  - in a calm network a push arrives within seconds; after healing all hold the same cells, of
//    those too who are gone. What was spent is never collected.
// One thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mesh/limits/counter_fanout.h"
#include "mesh/limits/counter_puller.h"
#include "mesh/limits/counter_relay.h"
#include "mesh/limits/counter_store.h"
#include "mesh/limits/counter_table.h"
#include "schema/base/rng.h"
#include "tests/sim/ledger.h"
#include "tests/sim/news.h"
#include "tests/sim/world.h"

namespace vidai::sim {

using CellKey = std::tuple<NodeId, Generation, KeyId, mesh::limits::CellKind, std::uint32_t>;

class Counters final : public Service {
  public:
    Counters(World& world, const Plan& plan);

    void on_start(std::uint32_t node) override;
    void on_stop(std::uint32_t node) override;
    void on_connected(std::uint32_t node, std::uint32_t peer) override;
    void on_disconnected(std::uint32_t node, std::uint32_t peer) override;
    void on_packet(std::uint32_t node, std::uint32_t peer, const Packet& packet) override;
    void on_forge(std::uint32_t node, std::uint32_t liar, std::uint32_t about) override;
    void on_leave(std::uint32_t node) override;
    std::string disagreement() const override;
    void finish() override;

    // One request now, for figures; false when refused.
    bool request(std::uint32_t node, std::uint32_t key);
    std::uint64_t known(std::uint32_t node, std::uint32_t key) const;  // of others' requests

  private:
    using Kind = mesh::limits::CellKind;
    using SourceName = mesh::limits::SourceName;
    using Mine = std::map<CellName, std::uint64_t>;
    // What a store holds: charged and returned by origin, generation, key, kind and window.
    using Held = std::map<CellKey, std::pair<std::uint64_t, std::uint64_t>>;
    struct Round {  // of questions to one peer, or of a catch-up of one
        std::uint64_t token = 0, upto = 0;
        bool first = false;
        MonoTime as_of;
        std::shared_ptr<const mesh::limits::CellPull> asked{};
    };
    // A signed batch: its origin, generation and sequence.
    using Said = std::tuple<NodeId, Generation, std::uint64_t>;
    static Said name_of(const mesh::limits::SignedBatch& said) {
        return {said.batch.node, said.batch.generation, said.sequence};
    }
    struct Node {
        std::unique_ptr<mesh::limits::CounterTable> table;
        std::unique_ptr<mesh::limits::CounterStore> store;
        std::unique_ptr<mesh::limits::CounterFanout> fanout;
        std::unique_ptr<mesh::limits::CounterPuller> puller;
        std::unique_ptr<mesh::limits::CounterRelay> relay;
        std::map<std::uint32_t, std::set<std::uint64_t>> relays;  // unanswered, by peer
        std::map<Said, MonoTime> passed_on;                       // and when
        std::map<Said, MonoTime> heard;                           // by relays, and when first
        // Unanswered pushes, by peer and token, and as of when they tell.
        std::map<std::uint32_t, std::map<std::uint64_t, MonoTime>> calls;
        std::map<std::uint32_t, Round> questions, catch_ups;
        std::map<std::uint32_t, MonoTime> connected;
        std::deque<std::pair<MonoTime, Held>> past;  // own cells as they were, of a calm network
        std::uint32_t ticks = 0, turn = 0;
        MonoTime charged_at;  // last
        Mine charged;         // by this process, if its name is not its alone
    };
    struct Worst {  // of one key and kind
        std::uint64_t overshoot = 0;
        Duration delay{};        // D' of the run so far
        std::uint64_t lost = 0;  // charged, and told to not all when its process ended
    };

    // counters.cc
    void arrive();
    void settle(std::uint32_t node, const mesh::limits::Ticket& ticket, std::uint32_t key);
    void charge(std::uint32_t node, std::uint32_t key, Kind kind, std::uint32_t window,
                std::uint64_t amount);
    void overrun(std::uint32_t node, const mesh::limits::Ticket& ticket, std::uint32_t key);
    void spend(std::uint32_t node, std::uint32_t key);
    void tick(std::uint32_t node);
    void push(std::uint32_t node, std::uint32_t nodes);
    void perform(std::uint32_t node, mesh::limits::CounterCalls calls, MonoTime as_of);
    void ask(std::uint32_t node, std::uint32_t nodes);
    void on_page(std::uint32_t node, std::uint32_t peer, const CounterPage& told);
    void note_skipped(std::uint32_t node, std::uint64_t before,
                      const mesh::limits::CounterCalls& calls);
    std::size_t room_for(std::uint32_t node, std::uint32_t peer) const;  // cells
    std::size_t calls_under_way(std::uint32_t node, std::uint32_t peer) const;
    void answered(std::uint32_t node, std::uint32_t peer, std::uint64_t token, bool taken);
    CellName cell(std::uint32_t node, std::uint32_t key, Kind kind, std::uint32_t window) const;
    Generation generation(std::uint32_t node) const;  // of its cells
    Call call_of(std::uint32_t node, std::uint64_t token) const {
        return {token, world_.node(node).life};
    }
    Life life(std::uint32_t node) const { return {node, world_.node(node).life}; }
    const KeyId& key_id(std::uint32_t key) const { return keys_[key]; }
    std::uint32_t key_of(const KeyId& id) const;

    // counter_relays.cc
    std::unique_ptr<mesh::limits::CounterRelay> make_relay(std::uint32_t node) const;
    void relay(std::uint32_t node, std::uint32_t nodes);
    void on_relay(std::uint32_t node, std::uint32_t peer, const CounterRelayed& told);
    void hear(std::uint32_t node, std::uint32_t from, const mesh::limits::SignedBatchRef& said);
    bool all_relay() const;
    void check_reaches_all(std::uint32_t node, const Said& said, MonoTime at) const;
    bool told_by_one(std::uint32_t node, std::uint32_t origin, const Said& said, MonoTime at) const;
    void check_passed_on(std::uint32_t node, const mesh::limits::RelayCall& call);

    // counter_checks.cc
    void check_admission(std::uint32_t node, std::uint32_t key);
    void check_overshoot(std::uint32_t key, Kind kind, std::uint64_t limit);
    Duration missing_since(std::uint32_t node) const;
    std::uint64_t bound(std::uint32_t key, Kind kind, std::uint64_t limit) const;
    void check_cells(std::uint32_t node, const mesh::limits::CellBatch& batch);
    void check_known(std::uint32_t node, const mesh::limits::CellBatch& batch);
    void check_pushes_arrive(std::uint32_t node);
    Duration first_round(std::uint32_t node) const;
    void check_own_count(std::uint32_t node);
    bool lived_twice(const SourceName& life) const;
    void check_merge_order();
    void check_collection();
    void lose(std::uint32_t node);
    std::string lacks(std::uint32_t node, const Held& held, std::uint32_t of,
                      const Held& counted) const;
    Held own(std::uint32_t node) const;
    Worst& worst(std::uint32_t key, Kind kind) {
        return worst_[key * mesh::limits::kWindowedKinds + static_cast<std::size_t>(kind)];
    }
    void note_clocks();

    World& world_;
    const Traffic traffic_;
    const bool calm_;     // and quick
    const bool flooded_;  // calm, without faults, and who is not connected hears of it by relays
    const std::size_t cells_per_call_;
    const Duration page_time_;  // at most, from one question in a round to the next
    mesh::state::KeyLimits limits_;
    Rng rng_;
    Rng cost_rng_;  // of its own, so that seeds keep their meaning
    std::vector<KeyId> keys_;
    std::vector<Node> nodes_;
    Ledger ledger_;
    News news_;
    std::vector<Worst> worst_;
    std::uint64_t overrun_max_ = 0;   // of one request
    Duration clocks_apart_{};         // the most so far
    double nodes_overestimated_ = 1;  // running nodes for each that a push filter counted, at most
    std::uint64_t lives_ = 0;
    std::map<SourceName, std::uint32_t> lived_;  // by so many processes
    std::uint32_t running_ = 0;                  // processes
    std::uint64_t relay_token_ = 0;
};

}  // namespace vidai::sim
