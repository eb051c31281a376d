// SPDX-License-Identifier: Apache-2.0
// CounterFanout: which peer is told which cells, and when. What changed goes to everybody each push
// interval; a peer that has just connected, that missed a push, or that was busy, is owed
// everything and told it part by part, the next when the last was taken. So loss costs a full sync
// and never the count. Pure: the adapter makes the calls and reports how they ended. Mesh thread
// only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "mesh/limits/counter_store.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::limits {

// One push to a peer. Ends in exactly one on_answer(), or with its connection.
struct CounterCall {
    NodeId to;
    std::uint64_t token = 0;
    std::shared_ptr<const CellBatch> batch;  // shared by all who are told the same
    bool full = false;                       // a part of everything, not only what changed
    std::size_t parts_left = 0;              // of everything, after this one
};
using CounterCalls = std::vector<CounterCall>;

class CounterFanout {
  public:
    // How many more calls a connected peer can take now without delaying what is urgent.
    using Room = std::function<std::size_t(const NodeId& peer)>;

    // No call carries more than `cells_max` cells. `store` outlives this.
    CounterFanout(CounterStore& store, std::size_t cells_max);

    void on_connected(const NodeId& peer);  // also when another connection has replaced it
    void on_disconnected(const NodeId& peer);
    // Each push interval; `nodes` as in CounterStore::collect(). At most room(peer) calls to each.
    CounterCalls on_interval(MonoTime now, WallTime wall, std::uint32_t nodes, const Room& room);
    // Everything to everybody who is not being told it already: before this node leaves.
    CounterCalls tell_everybody(WallTime wall);
    // `taken`: the peer answered in time. Gives the next part of what it is being told.
    std::optional<CounterCall> on_answer(const NodeId& peer, std::uint64_t token, bool taken);

    // It has not been told, or not acknowledged, all that this node knew.
    bool owes_all(const NodeId& peer) const;
    std::uint64_t full_syncs() const { return full_syncs_; }

  private:
    using Batch = std::shared_ptr<const CellBatch>;
    struct Peer {
        bool needs_all = true;    // it may have missed a push
        std::uint64_t token = 0;  // of the part of everything that is under way; 0: none
        std::vector<Batch> rest;  // the other parts, told from the back
    };
    std::vector<Batch> in_calls(CellBatch batch) const;
    void tell_all(const NodeId& to, Peer& peer, WallTime wall, CounterCalls& out);
    CounterCall next_part(const NodeId& to, Peer& peer);

    CounterStore& store_;
    const std::size_t cells_max_;
    std::map<NodeId, Peer> peers_;
    std::uint64_t next_token_ = 0;
    std::uint64_t full_syncs_ = 0;
};

}  // namespace vidai::mesh::limits
