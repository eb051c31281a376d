// SPDX-License-Identifier: Apache-2.0
// CounterFanout: which peer is told which of this node's own changes, and when. What changed goes
// to everybody each push interval. A peer that missed some, because it had no room or did not
// answer in time, is told what changed since then, part by part, the next when the last was taken;
// what others counted, and what was before its connection, a peer asks for itself
// (counter_puller.h). One that never asks is told all of this node's own.
// Pure: the adapter makes the calls and reports how they ended. Mesh thread only.
#pragma once

#include <chrono>
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

// A peer that has not asked by then speaks a wire version without asking.
inline constexpr Duration kAskedWithin = std::chrono::seconds(2);

// One push to a peer. Ends in exactly one on_answer(), or with its connection.
struct CounterCall {
    NodeId to;
    std::uint64_t token = 0;
    std::shared_ptr<const CellBatch> batch;  // shared by all who are told the same
    bool catch_up = false;                   // a part of what it missed
    bool complete = false;                   // with it the peer has all of this node's own
};
using CounterCalls = std::vector<CounterCall>;

class CounterFanout {
  public:
    // How many more cells a connected peer can be sent now without delaying what is urgent, and how
    // many of them in one call, which an urgent one may have to wait for.
    struct Space {
        Space(std::size_t all, std::size_t in_call) : cells(all), per_call(in_call) {}
        Space(std::size_t all) : Space(all, all) {}  // NOLINT(google-explicit-constructor)
        std::size_t cells, per_call;
    };
    using Room = std::function<Space(const NodeId& peer)>;

    // No call carries more than about `cells_max` cells. `store` outlives this.
    CounterFanout(CounterStore& store, std::size_t cells_max);

    void on_connected(const NodeId& peer, MonoTime now);  // also in place of another connection
    void on_disconnected(const NodeId& peer);
    void on_asked(const NodeId& peer);  // it asks for what it lacks
    // Each push interval; `nodes` as in CounterStore::collect().
    CounterCalls on_interval(MonoTime now, WallTime wall, std::uint32_t nodes, const Room& room);
    // All that has changed, to everybody: before this node leaves. What is more than an interval's
    // follows part by part as they answer.
    CounterCalls tell_everybody(MonoTime now, WallTime wall);
    // `taken`: the peer answered in time. Gives the next part of what it is being told, where there
    // is room; else it follows in an interval.
    std::optional<CounterCall> on_answer(const NodeId& peer, std::uint64_t token, bool taken,
                                         WallTime wall, const Room& room);

    // It has not been sent a change that this node has given out. What is under way is not owed.
    bool owes(const NodeId& peer) const;
    std::uint64_t catch_ups() const { return catch_ups_; }

  private:
    using Batch = std::shared_ptr<const CellBatch>;
    struct CatchUp {
        std::uint64_t since = 0, upto = 0;
        KeyId after;              // of the last part that was taken
        std::uint64_t token = 0;  // of the part under way; 0: the last one was not taken
        KeyId last;               // key of that part
        bool whole = false;       // it is the last part
    };
    struct Peer {
        MonoTime since;
        bool asked = false;
        bool complete_due = false;  // it waits to hear that it has been told all
        std::uint64_t told = 0;     // all changes up to this have been sent
        std::map<std::uint64_t, std::uint64_t> flying;  // tokens, and what their push began at
        std::optional<CatchUp> catch_up;
    };
    std::vector<Batch> changed(MonoTime now, WallTime wall, std::uint32_t nodes, bool all);
    void push(const NodeId& to, Peer& peer, const Batch& batch, CounterCalls& out);
    void catch_up(const NodeId& to, Peer& peer, WallTime wall, const Space& room,
                  CounterCalls& out);
    CounterCall next_part(const NodeId& to, Peer& peer, WallTime wall, std::size_t cells_max);
    static void missed(Peer& peer, std::uint64_t since);

    CounterStore& store_;
    const std::size_t cells_max_;
    std::map<NodeId, Peer> peers_;
    std::uint64_t next_token_ = 0;
    std::uint64_t catch_ups_ = 0;
};

}  // namespace vidai::mesh::limits
