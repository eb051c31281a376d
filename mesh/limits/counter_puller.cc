// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/counter_puller.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "schema/base/mutant.h"

namespace vidai::mesh::limits {

namespace {

constexpr Duration kFirstRetry = std::chrono::seconds(1);
constexpr std::size_t kInterruptedMax = 256;
// Of a round in which cells were refused, as those of members that are not known yet: soon they
// are. What is refused for good must not keep this node from being informed.
constexpr std::uint32_t kRepeatsMax = 3;

SourceName name_of(const CellCursor& cursor) {
    return {cursor.node, cursor.generation};
}

// Not where a question went no further than to this source, and the next begins with it.
bool is_within(const CellCursor& cursor) {
    return cursor.loose || !cursor.changes.empty();
}

}  // namespace

Duration ask_interval(std::uint32_t nodes) {
    if (nodes <= 10) return std::chrono::seconds(5);
    return std::chrono::seconds(nodes <= 100 ? 10 : 30);
}

void CounterPuller::on_connected(const NodeId& id, MonoTime now) {
    Peer peer;
    peer.due = now;
    if (const auto found = interrupted_.find(id); found != interrupted_.end()) {
        peer.from = std::move(found->second);
        peer.resumed = true;
        interrupted_.erase(found);
    }
    if (const auto held = peers_.find(id); held != peers_.end() && held->second.from) {
        peer.from = std::move(held->second.from);
        peer.refused = std::move(held->second.refused);
        peer.resumed = true;
    }
    peers_[id] = std::move(peer);
}

void CounterPuller::on_disconnected(const NodeId& id) {
    const auto found = peers_.find(id);
    if (found == peers_.end()) return;
    const bool goes_on = found->second.from && !found->second.refused;
    if (goes_on && interrupted_.size() < kInterruptedMax) {
        interrupted_[id] = std::move(*found->second.from);
    }
    peers_.erase(found);
}

// In turn: who has waited for longest comes first.
std::vector<CounterPuller::Peers::iterator> CounterPuller::due(MonoTime now, bool in_turn) {
    std::vector<Peers::iterator> due;
    for (auto at = peers_.begin(); at != peers_.end(); ++at) {
        if (at->second.token == 0 && at->second.due <= now) due.push_back(at);
    }
    const auto since = [](const Peers::iterator& at) { return at->second.due; };
    if (in_turn) std::ranges::stable_sort(due, {}, since);
    return due;
}

CounterAsks CounterPuller::on_interval(MonoTime now, WallTime wall, std::uint32_t nodes,
                                       const Room& room) {
    interval_ = ask_interval(nodes);
    const bool in_turn = nodes > options_.all_at_once_max;
    const auto waits = [](const auto& entry) { return entry.second.token != 0; };
    auto asked = static_cast<std::size_t>(std::ranges::count_if(peers_, waits));
    CounterAsks asks;
    for (const auto at : due(now, in_turn)) {
        auto& [id, peer] = *at;
        const bool begins = !peer.from;
        if (in_turn && (asked >= options_.asked_at_once || (begins && now < next_round_))) continue;
        const std::size_t cells = room(id);
        if (cells == 0) continue;
        // About as large as a cell is each origin in it.
        std::optional<CellCursor> from;
        if (peer.from) from = peer.from->cursor;
        CellPull pull = store_.question(wall, std::move(from), cells);
        pull.cells_max = cells;
        peer.asked_cells += cells;
        peer.claimed.clear();
        std::ranges::copy_if(pull.have, std::back_inserter(peer.claimed),
                             [&](const OriginProgress& one) { return one.node == id; });
        peer.token = ++next_token_;
        ++asked;
        const double seconds = static_cast<double>(pull.have.size()) / options_.origins_per_second;
        const auto pause = std::chrono::duration<double>(seconds);
        next_round_ = std::max(next_round_, now) + std::chrono::duration_cast<Duration>(pause);
        asks.push_back({id, peer.token, std::move(pull)});
    }
    return asks;
}

std::uint64_t CounterPuller::claimed(const Peer& peer, const SourceName& source) {
    if (peer.from && name_of(peer.from->cursor) == source && is_within(peer.from->cursor)) {
        return peer.from->claimed;
    }
    const auto found = std::ranges::find_if(peer.claimed, [&](const OriginProgress& claim) {
        return SourceName{claim.node, claim.generation} == source;
    });
    return found == peer.claimed.end() ? 0 : found->have;
}

CounterStore::Said CounterPuller::before_merge(const NodeId& id, CellBatch& batch) const {
    const auto found = peers_.find(id);
    if (found == peers_.end()) return CounterStore::Said::kAnswered;
    const Peer& peer = found->second;
    const SourceName name{batch.node, batch.generation};
    batch.whole &= peer.refused != name;
    if (peer.from && name_of(peer.from->cursor) == name) {
        batch.whole &= peer.from->dropped == store_.dropped(batch.node);
    }
    const bool corrects = batch.since == 0 && batch.upto < claimed(peer, name);
    return corrects ? CounterStore::Said::kCorrected : CounterStore::Said::kAnswered;
}

void CounterPuller::after_merge(const NodeId& id, const CellBatch& batch, const MergeCount& count) {
    const auto found = peers_.find(id);
    if (found == peers_.end()) return;
    std::optional<SourceName>& refused = found->second.refused;
    SourceName name{batch.node, batch.generation};
    if (count.refused > 0) {
        refused = std::move(name);
        found->second.lacking = true;
    } else if (refused && *refused != name) {
        refused.reset();
    }
}

bool CounterPuller::is_endless(const NodeId& id, std::uint64_t token) const {
    const auto found = peers_.find(id);
    if (found == peers_.end() || found->second.token != token) return false;
    return found->second.asked_cells > options_.round_cells_max;
}

bool CounterPuller::on_page(const NodeId& id, std::uint64_t token, std::optional<CellCursor> next,
                            MonoTime now) {
    const auto found = peers_.find(id);
    if (found == peers_.end() || found->second.token != token) return false;
    Peer& peer = found->second;
    const bool endless = next && is_endless(id, token);
    peer.token = 0;
    peer.failures = 0;
    if (next && !endless) {
        const SourceName name = name_of(*next);
        Place place{std::move(*next), 0, claimed(peer, name)};
        const bool begun = peer.from && name_of(peer.from->cursor) == name;
        place.dropped = begun ? peer.from->dropped : store_.dropped(name.node);
        peer.from = std::move(place);
        return false;  // due still
    }
    peer.from.reset();
    peer.refused.reset();
    const bool lacking = std::exchange(peer.lacking, false);
    peer.asked_cells = 0;
    if (endless) {
        peer.resumed = false;
        peer.due = now + interval_;
        return false;
    }
    // What is before the cursor that this round began behind has changed meanwhile.
    if (std::exchange(peer.resumed, false)) return false;
    if (lacking && peer.repeats < kRepeatsMax) {
        ++peer.repeats;
        peer.due = now + kFirstRetry;
        return false;
    }
    peer.due = now + (VIDAI_MUTANT("counters-not-compared") ? std::chrono::hours(1) : interval_);
    informed_ = true;
    return true;
}

void CounterPuller::on_failure(const NodeId& id, std::uint64_t token, MonoTime now) {
    const auto found = peers_.find(id);
    if (found == peers_.end() || found->second.token != token) return;
    Peer& peer = found->second;
    peer.token = 0;
    peer.resumed = peer.from.has_value();
    peer.due =
        now + std::min<Duration>(interval_, kFirstRetry * (1 << std::min(peer.failures++, 5U)));
}

}  // namespace vidai::mesh::limits
