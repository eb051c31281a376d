// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/counter_fanout.h"

#include <algorithm>
#include <utility>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::limits {

CounterFanout::CounterFanout(CounterStore& store, std::size_t cells_max)
    : store_(store), cells_max_(cells_max) {
    CHECK(cells_max > 0);
}

void CounterFanout::on_connected(const NodeId& peer) {
    peers_[peer] = {};
}

void CounterFanout::on_disconnected(const NodeId& peer) {
    peers_.erase(peer);
}

std::vector<CounterFanout::Batch> CounterFanout::in_calls(CellBatch batch) const {
    std::vector<Batch> calls;
    if (batch.cells.size() <= cells_max_) {
        if (!batch.cells.empty()) calls.push_back(std::make_shared<CellBatch>(std::move(batch)));
        return calls;
    }
    for (std::size_t at = 0; at < batch.cells.size(); at += cells_max_) {
        const auto first = batch.cells.begin() + static_cast<std::ptrdiff_t>(at);
        const std::size_t count = std::min(cells_max_, batch.cells.size() - at);
        auto part = std::make_shared<CellBatch>(CellBatch{batch.node, batch.generation, {}});
        part->cells.assign(first, first + static_cast<std::ptrdiff_t>(count));
        calls.push_back(std::move(part));
    }
    return calls;
}

CounterCalls CounterFanout::on_interval(MonoTime now, WallTime wall, std::uint32_t nodes,
                                        const Room& room) {
    const std::vector<Batch> changed = in_calls(store_.collect(now, wall, nodes));
    CounterCalls calls;
    if (VIDAI_MUTANT("push-dropped-above-64") && peers_.size() >= 64) return calls;
    for (auto& [id, peer] : peers_) {
        std::size_t free = room(id);
        // Bulk without a bound, so that everything urgent waits behind it.
        if (VIDAI_MUTANT("probe-behind-bulk")) {
            free = 1'000'000;
            peer = {};
        }
        for (const Batch& batch : changed) {
            if (free > 0) {
                --free;
                calls.push_back({id, ++next_token_, batch});
            } else if (!VIDAI_MUTANT("missed-push-forgotten")) {
                peer.needs_all = true;
            }
        }
        if (peer.needs_all && free > 0 && peer.token == 0) {
            tell_all(id, peer, wall, calls);
        }
    }
    return calls;
}

CounterCalls CounterFanout::tell_everybody(WallTime wall) {
    CounterCalls calls;
    for (auto& [id, peer] : peers_) {
        if (peer.token == 0) tell_all(id, peer, wall, calls);
    }
    return calls;
}

void CounterFanout::tell_all(const NodeId& to, Peer& peer, WallTime wall, CounterCalls& out) {
    peer.needs_all = false;
    ++full_syncs_;
    for (CellBatch& batch : store_.all_cells(wall, cells_max_)) {
        peer.rest.push_back(std::make_shared<CellBatch>(std::move(batch)));
    }
    std::ranges::reverse(peer.rest);
    if (!peer.rest.empty()) out.push_back(next_part(to, peer));
}

bool CounterFanout::owes_all(const NodeId& id) const {
    const auto found = peers_.find(id);
    return found != peers_.end() && (found->second.needs_all || found->second.token != 0);
}

CounterCall CounterFanout::next_part(const NodeId& to, Peer& peer) {
    Batch part = std::move(peer.rest.back());
    peer.rest.pop_back();
    peer.token = ++next_token_;
    return {to, peer.token, std::move(part), true, peer.rest.size()};
}

std::optional<CounterCall> CounterFanout::on_answer(const NodeId& from, std::uint64_t token,
                                                    bool taken) {
    const auto found = peers_.find(from);
    if (found == peers_.end()) return std::nullopt;
    Peer& peer = found->second;
    if (!taken && !VIDAI_MUTANT("missed-push-forgotten")) peer.needs_all = true;
    if (token != peer.token) return std::nullopt;
    peer.token = 0;
    if (!taken) peer.rest.clear();
    if (peer.rest.empty()) return std::nullopt;
    return next_part(from, peer);
}

}  // namespace vidai::mesh::limits
