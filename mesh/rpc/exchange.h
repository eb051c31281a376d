// SPDX-License-Identifier: Apache-2.0
// Exchange: keeps the replica equal to the peers'. Counters: changed cells to everybody each push
// interval; a peer that missed a push is told what changed since; each new connection and every 5
// to 30 s asks for what this node lacks. Registers: what changes here goes to everybody at once,
// and each new connection and each digest interval pulls what differs. In a mesh too large for a
// connection to everybody, what is news is passed on (counter_relay.h, register_relay.h). A lost
// message is repaired by the next of these. All of it in chunks, as many as the connection's bulk
// window has room for.
// Mesh thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include <kj/async.h>

#include "mesh/limits/counter_fanout.h"
#include "mesh/limits/counter_puller.h"
#include "mesh/limits/counter_relay.h"
#include "mesh/rpc/links.h"
#include "mesh/rpc/peer_sync.h"
#include "mesh/rpc/propagation.h"
#include "mesh/rpc/relaying.h"
#include "mesh/rpc/replica.h"
#include "mesh/state/register_relay.h"
#include "mesh/state/register_round.h"
#include "mesh/wire/counters.h"
#include "mesh/wire/registers.h"

namespace vidai::mesh::rpc {

struct ExchangeCounters {
    std::uint64_t cells_applied = 0, cells_unchanged = 0, cells_refused = 0;
    std::uint64_t registers_applied = 0, registers_known = 0, registers_refused = 0;
    std::uint64_t catch_ups = 0;
    limits::RelayCounters relays;
};

class Exchange final : private kj::TaskSet::ErrorHandler {
  public:
    // `merged` hears of registers that came from `from`.
    using Merged = std::function<void(const NodeId& from, const MergeReport& report)>;
    // And `malformed` of answers that are none to what this node had asked.
    using Malformed = std::function<void(const NodeId& from, const Error& why)>;
    Exchange(Links& links, Replica& replica, const Clock& clock, RelaySetup relay, Merged merged,
             Malformed malformed);
    ~Exchange() noexcept(false);

    void on_link_up(const NodeId& peer);
    void on_link_down(const NodeId& peer);
    void on_counters(const NodeId& from, const wire::CounterPush& push);
    void on_relayed(const NodeId& from, const wire::SignedBatches& batches);
    void on_registers(const NodeId& from, std::vector<state::Register> registers);  // pushed

    // What `from` lacks.
    limits::CellPage cells_for(const NodeId& from, const limits::CellPull& pull);

    void push_counters(std::uint32_t nodes);             // each push interval
    void push_register(const state::Register& changed);  // to all that know its kind
    // Which connected peers have it in force: those that say so within a call's time.
    kj::Promise<std::vector<NodeId>> holders(const state::RegisterName& name, state::Hlc time);
    void pull_from_one();  // each digest interval: the next peer in turn
    // Everything told to everybody; ends when they have answered or failed to.
    kj::Promise<void> flush();

    // D': coalescing and the slowest recent push, as often as news is told on its way.
    Duration delay(Duration push_interval);
    Duration skew() const;  // greatest difference to a peer's clock
    // Some peer has told all that it knew, keys and counts: this node decides as the mesh does.
    bool informed() const { return told_counters_ && told_registers_; }
    const PeerSync* sync_with(const NodeId& peer) const;  // nullptr: not connected
    // Its clock less this node's; nothing: not connected, or it has not said yet.
    std::optional<Duration> clock_offset(const NodeId& peer) const;
    std::map<NodeId, const PeerSync*> syncs() const;  // of the connected peers
    const Propagation& propagation() const { return propagation_; }
    const ExchangeCounters& counters() const { return counters_; }

  private:
    struct Peer {
        bool pulling = false;
        bool pull_again = false;  // the connection that a pull went out on was replaced
        Duration skew{};
        PeerSync sync;
    };
    MonoTime mono_now() const { return clock_.mono_now(); }
    WallTime wall_now() const { return clock_.wall_now(); }
    void note_owed(const NodeId& id, Peer& peer);
    void taskFailed(kj::Exception&&) override {}
    void perform(const limits::CounterCalls& calls);
    kj::Promise<void> perform(const limits::CounterCall& call);
    kj::Promise<void> perform(const limits::CounterAsk& ask);
    std::size_t cells_room(const NodeId& peer, bool whole_window);
    limits::CounterFanout::Room fanout_room();
    void count(const limits::MergeCount& merged);
    limits::CellBatch readable(limits::CellBatch batch, const NodeId& by) const;
    limits::MergeCount merge(const limits::CellBatch& batch, const NodeId& from, WallTime wall,
                             limits::CounterStore::Said how);
    MergeReport merge(const NodeId& from, std::vector<state::Register> registers);
    void pass_on(const state::RegisterName& name, const NodeId& from, bool found);
    void push_register(const NodeId& peer, Session& session, const state::Register& said);
    kj::Promise<void> pull(const NodeId& peer, state::RegisterRound round);
    void on_no_page(const NodeId& from, const Error& why);

    Links& links_;
    Replica& replica_;
    const Clock& clock_;
    Merged merged_;
    Malformed malformed_;
    ClaimOf claim_of_;
    limits::CounterFanout fanout_;
    limits::CounterPuller puller_;
    limits::CounterRelay relay_;
    state::RegisterRelay register_relay_;
    std::uint32_t nodes_ = 1;
    std::map<NodeId, Peer> peers_;
    NodeId last_pulled_;
    bool told_counters_ = false, told_registers_ = false;
    ExchangeCounters counters_;
    Propagation propagation_;
    kj::TaskSet tasks_;
};

}  // namespace vidai::mesh::rpc
