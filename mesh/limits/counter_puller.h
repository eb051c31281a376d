// SPDX-License-Identifier: Apache-2.0
// CounterPuller: whom this node asks for the counters that it lacks, and when: each peer when it
// has connected and every 5, 10 or 30 seconds, by how many nodes there are. The question says how
// much of each origin this node has, the answer brings the rest page by page, one at a time from
// each peer. Where an answer stays away the next question goes on behind the last page, over
// another connection too, so that a sync ends on any link that moves. A question names every origin
// that this node has heard of: in a mesh that is too large for a connection to everybody, where
// relays tell nearly all (counter_relay.h), peers are asked in turn and no faster than questions
// may cost.
// Pure: the adapter makes the calls, merges the pages and reports. Mesh thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "mesh/limits/counter_store.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::limits {

// How often each peer is asked.
Duration ask_interval(std::uint32_t nodes);

struct CounterAsk {
    NodeId to;
    std::uint64_t token = 0;
    CellPull pull;
};
using CounterAsks = std::vector<CounterAsk>;

struct PullerOptions {
    std::uint32_t all_at_once_max = 10;  // members; where there are more:
    // An origin in a question is about 48 bytes, and anybody's answer tells of all origins. What a
    // round goes on with is bounded by what is lacking.
    double origins_per_second = 150;
    std::size_t asked_at_once = 2;
    // In one round, over all of its questions: several times what one peer may make a store hold,
    // and about 400 MB. A peer that has still more makes it up.
    std::size_t round_cells_max = std::size_t{1} << 23;
};

class CounterPuller {
  public:
    // How many cells a peer may be asked for now; 0: not now.
    using Room = std::function<std::size_t(const NodeId& peer)>;

    explicit CounterPuller(const CounterStore& store, const PullerOptions& options = {})
        : store_(store), options_(options) {}  // `store` outlives this

    void on_connected(const NodeId& peer, MonoTime now);
    void on_disconnected(const NodeId& peer);
    // Each push interval; `nodes` as in CounterStore::collect().
    CounterAsks on_interval(MonoTime now, WallTime wall, std::uint32_t nodes, const Room& room);
    // Around the merge of each batch of a page; what it is to the store. One that goes on with what
    // was refused in part, as of a member that was not known yet, or with what has been dropped
    // since, is not all of it, though it ends it.
    CounterStore::Said before_merge(const NodeId& peer, CellBatch& batch) const;
    void after_merge(const NodeId& peer, const CellBatch& batch, const MergeCount& count);
    // After the page was merged. True when that was all that the peer had, from the first origin.
    bool on_page(const NodeId& peer, std::uint64_t token, std::optional<CellCursor> next,
                 MonoTime now);
    // Whether a page that goes on has gone on for so long that nobody holds so much: on_page() ends
    // the round then, until the next is due.
    bool is_endless(const NodeId& peer, std::uint64_t token) const;
    // No answer in time, one that is none, or the peer does not know the question.
    void on_failure(const NodeId& peer, std::uint64_t token, MonoTime now);

    // Some peer has said all that it knew.
    bool informed() const { return informed_; }

  private:
    struct Place {  // where a round goes on
        CellCursor cursor;
        // Of that source, when it was begun:
        std::uint64_t dropped = 0;  // of the store
        std::uint64_t claimed = 0;  // if it is a life of the peer's
    };
    struct Peer {
        MonoTime due;
        std::uint64_t token = 0;              // of the question under way; 0: none
        std::vector<OriginProgress> claimed;  // in it, of the peer's own lives
        std::optional<Place> from;
        std::optional<SourceName> refused;  // of which a batch was, the last one
        bool lacking = false;               // of this round some was refused
        std::uint32_t repeats = 0;          // of such rounds, on this connection
        bool resumed = false;               // this round began behind a cursor of an earlier one
        std::uint32_t failures = 0;
        std::size_t asked_cells = 0;  // for, in this round
    };
    using Peers = std::map<NodeId, Peer>;
    // What the question that this batch or cursor answers claimed to have of `source`. A round that
    // goes on with one claims what it did when it began with it: what was heard of it since then
    // may well be more than the rest of that answer tells.
    static std::uint64_t claimed(const Peer& peer, const SourceName& source);
    std::vector<Peers::iterator> due(MonoTime now, bool in_turn);

    const CounterStore& store_;
    const PullerOptions options_;
    Peers peers_;
    std::map<NodeId, Place> interrupted_;  // of peers that are not connected
    MonoTime next_round_{};                // in a large mesh
    Duration interval_ = ask_interval(1);
    std::uint64_t next_token_ = 0;
    bool informed_ = false;
};

}  // namespace vidai::mesh::limits
