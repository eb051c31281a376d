// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/counter_fanout.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::limits {

namespace {

// Of one interval; what is left follows in the next.
constexpr std::size_t kBatchesMax = 16;

}  // namespace

CounterFanout::CounterFanout(CounterStore& store, std::size_t cells_max)
    : store_(store), cells_max_(cells_max) {
    CHECK(cells_max > 0);
}

void CounterFanout::on_connected(const NodeId& peer, MonoTime now) {
    Peer fresh;
    fresh.since = now;
    fresh.told = store_.changes();  // it asks for what was before
    peers_[peer] = std::move(fresh);
}

void CounterFanout::on_disconnected(const NodeId& peer) {
    peers_.erase(peer);
}

void CounterFanout::on_asked(const NodeId& peer) {
    const auto found = peers_.find(peer);
    if (found != peers_.end()) found->second.asked = true;
}

std::vector<CounterFanout::Batch> CounterFanout::changed(MonoTime now, WallTime wall,
                                                         std::uint32_t nodes, bool all) {
    std::vector<Batch> batches;
    while (all || batches.size() < kBatchesMax) {
        CellBatch batch = store_.collect(now, wall, nodes, all);
        if (batch.cells.empty()) break;
        // Of all there may be much: the rest has its numbers, and is told part by part.
        if (batches.size() == kBatchesMax) continue;
        batches.push_back(std::make_shared<CellBatch>(std::move(batch)));
    }
    return batches;
}

void CounterFanout::missed(Peer& peer, std::uint64_t since) {
    if (VIDAI_MUTANT("missed-push-forgotten") || since >= peer.told) return;
    peer.told = since;
    if (peer.catch_up && peer.catch_up->since > since) peer.catch_up.reset();
}

void CounterFanout::push(const NodeId& to, Peer& peer, const Batch& batch, CounterCalls& out) {
    peer.told = batch->upto;
    peer.flying.emplace(++next_token_, batch->since);
    out.push_back({to, next_token_, batch});
}

CounterCalls CounterFanout::on_interval(MonoTime now, WallTime wall, std::uint32_t nodes,
                                        const Room& room) {
    const std::vector<Batch> batches = changed(now, wall, nodes, false);
    CounterCalls calls;
    if (VIDAI_MUTANT("push-dropped-above-64") && peers_.size() >= 64) return calls;
    for (auto& [id, peer] : peers_) {
        Space free = room(id);
        // Bulk without a bound, so that everything urgent waits behind it.
        if (VIDAI_MUTANT("probe-behind-bulk")) {
            free = std::numeric_limits<std::size_t>::max();
            peer.told = 0;
            peer.catch_up.reset();
        }
        if (!peer.asked && now - peer.since >= kAskedWithin) {
            peer.asked = peer.complete_due = true;
            missed(peer, 0);
        }
        for (const Batch& batch : batches) {
            if (VIDAI_MUTANT("missed-push-forgotten") && peer.told < batch->since) {
                peer.told = batch->since;
            }
            const std::size_t cells = batch->cells.size();
            if (peer.told != batch->since || cells > std::min(free.cells, free.per_call)) break;
            free.cells -= cells;
            push(id, peer, batch, calls);
        }
        catch_up(id, peer, wall, free, calls);
    }
    return calls;
}

void CounterFanout::catch_up(const NodeId& to, Peer& peer, WallTime wall, const Space& room,
                             CounterCalls& out) {
    if (peer.told >= store_.changes() && !peer.complete_due) return;
    const std::size_t cells = std::min({room.cells, room.per_call, cells_max_});
    if (cells == 0 || (peer.catch_up && peer.catch_up->token != 0)) return;
    if (VIDAI_MUTANT("missed-push-forgotten")) return;
    if (!peer.catch_up) {
        peer.catch_up = CatchUp{peer.told, store_.changes(), {}, 0, {}, false};
        ++catch_ups_;
    }
    out.push_back(next_part(to, peer, wall, cells));
}

CounterCalls CounterFanout::tell_everybody(MonoTime now, WallTime wall) {
    const std::vector<Batch> batches = changed(now, wall, 1, true);
    CounterCalls calls;
    for (auto& [id, peer] : peers_) {
        for (const Batch& batch : batches) {
            if (peer.told == batch->since) push(id, peer, batch, calls);
        }
        catch_up(id, peer, wall, cells_max_, calls);
    }
    return calls;
}

bool CounterFanout::owes(const NodeId& id) const {
    const auto found = peers_.find(id);
    if (found == peers_.end()) return false;
    const Peer& peer = found->second;
    return peer.told < store_.changes() || peer.complete_due;
}

CounterCall CounterFanout::next_part(const NodeId& to, Peer& peer, WallTime wall,
                                     std::size_t cells_max) {
    CatchUp& going = *peer.catch_up;
    auto part = std::make_shared<CellBatch>(
        store_.own_since(going.since, going.upto, going.after, wall, cells_max));
    going.token = ++next_token_;
    going.whole = part->whole;
    if (!part->cells.empty()) going.last = part->cells.back().key;
    peer.flying.emplace(going.token, going.since);
    if (going.whole) peer.told = going.upto;
    const bool complete = going.whole && peer.complete_due;
    return {to, going.token, std::move(part), true, complete};
}

std::optional<CounterCall> CounterFanout::on_answer(const NodeId& from, std::uint64_t token,
                                                    bool taken, WallTime wall, const Room& room) {
    const auto found = peers_.find(from);
    if (found == peers_.end()) return std::nullopt;
    Peer& peer = found->second;
    const auto flown = peer.flying.find(token);
    if (flown == peer.flying.end()) return std::nullopt;
    const std::uint64_t since = flown->second;
    peer.flying.erase(flown);
    const bool part = peer.catch_up && peer.catch_up->token == token;
    if (!taken) {
        if (part) peer.catch_up->token = 0;  // again, when there is room
        missed(peer, since);
        return std::nullopt;
    }
    if (!part) return std::nullopt;
    CatchUp& going = *peer.catch_up;
    going.token = 0;
    going.after = going.last;
    if (going.whole) {
        peer.complete_due = false;
        peer.catch_up.reset();
        return std::nullopt;
    }
    const Space free = room(from);
    const std::size_t cells = std::min({free.cells, free.per_call, cells_max_});
    if (cells == 0) return std::nullopt;
    return next_part(from, peer, wall, cells);
}

}  // namespace vidai::mesh::limits
