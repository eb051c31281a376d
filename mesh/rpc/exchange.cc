// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/exchange.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "mesh/rpc/clock.h"

namespace vidai::mesh::rpc {

namespace {

// A batch as pushes that the wire accepts.
std::vector<wire::CounterPush> in_pushes(const limits::CellBatch& batch, WallTime now) {
    std::vector<wire::CounterPush> pushes;
    for (std::size_t at = 0; at < batch.cells.size(); at += wire::kCellsPerPush) {
        const std::size_t end = std::min(batch.cells.size(), at + wire::kCellsPerPush);
        wire::CounterPush push{{batch.node, batch.generation, {}}, now};
        push.batch.cells.assign(batch.cells.begin() + static_cast<std::ptrdiff_t>(at),
                                batch.cells.begin() + static_cast<std::ptrdiff_t>(end));
        pushes.push_back(std::move(push));
    }
    return pushes;
}

}  // namespace

Exchange::Exchange(Links& links, Replica& replica, Merged merged)
    : links_(links),
      replica_(replica),
      merged_(std::move(merged)),
      propagation_(wall_now()),
      tasks_(*this) {}

Exchange::~Exchange() noexcept(false) = default;

void Exchange::on_link_up(const NodeId& peer) {
    miss(peers_[peer]);
    peers_[peer].pull_again = peers_[peer].pulling;
    if (!peers_[peer].pulling) tasks_.add(pull(peer, {}));
}

void Exchange::miss(Peer& peer) {
    peer.needs_all = true;
    peer.sync.missed(mono_now());
}

void Exchange::on_link_down(const NodeId& peer) {
    peers_.erase(peer);
}

void Exchange::on_counters(const NodeId& from, const wire::CounterPush& push) {
    const WallTime wall = wall_now();
    const limits::MergeCount count = replica_.counters().merge(push.batch, mono_now(), wall);
    counters_.cells_applied += count.applied;
    counters_.cells_unchanged += count.unchanged;
    counters_.cells_refused += count.refused;
    Session* const session = links_.find(from);
    if (session == nullptr) return;
    // The way here takes time too, at most what our own slowest push took and is answered in.
    const Duration apart = wall > push.sent ? wall - push.sent : push.sent - wall;
    const Duration travel = session->push_time_max(mono_now()) + std::chrono::milliseconds(1);
    peers_[from].skew = apart > travel ? apart - travel : Duration{};
    PeerSync& sync = peers_[from].sync;
    sync.heard_counters(mono_now());
    if (count.applied > 0) propagation_.counters(push.sent, wall, sync.clock_offset());
}

void Exchange::on_registers(const NodeId& from, std::vector<state::Register> registers) {
    const WallTime wall = wall_now();
    const MergeReport report = replica_.merge(std::move(registers), wall, mono_now());
    for (const KeyChange& change : report.changes) {
        const state::Statement& said = replica_.find(change.key)->statement;
        propagation_.register_written(said.time.wall(), wall, clock_offset(said.origin));
    }
    counters_.registers_applied += report.applied;
    counters_.registers_known += report.known;
    counters_.registers_refused += report.refused;
    merged_(from, report);
}

void Exchange::push(const NodeId& peer, Session& session, const wire::CounterPush& push) {
    peers_[peer].sync.pushed(mono_now());
    tasks_.add(session.push_counters(push).then([this, peer](bool taken) {
        const auto found = peers_.find(peer);
        if (found == peers_.end()) return;
        found->second.sync.push_ended();
        if (!taken) miss(found->second);
    }));
}

void Exchange::push_counters(std::uint32_t nodes) {
    const WallTime wall = wall_now();
    const limits::CellBatch batch = replica_.counters().collect(mono_now(), wall, nodes);
    const std::vector<wire::CounterPush> pushes = in_pushes(batch, wall);
    links_.for_each([&](const NodeId& peer, Session& session) {
        for (const wire::CounterPush& each : pushes) {
            if (session.bulk_free()) {
                push(peer, session, each);
            } else {
                miss(peers_[peer]);
            }
        }
        if (peers_[peer].needs_all && session.bulk_free()) tell_all(peer);
    });
}

void Exchange::tell_all(const NodeId& peer) {
    Peer& told = peers_[peer];
    if (told.telling_all) return;
    told.telling_all = true;
    told.needs_all = false;
    ++counters_.full_syncs;
    std::vector<limits::CellBatch> all =
        replica_.counters().all_cells(wall_now(), wire::kCellsPerPush);
    std::reverse(all.begin(), all.end());  // told from the back
    tasks_.add(tell_rest(peer, std::move(all)).then([this, peer](bool taken) {
        const auto found = peers_.find(peer);
        if (found == peers_.end()) return;
        found->second.telling_all = false;
        if (!taken) miss(found->second);
        if (!found->second.needs_all) found->second.sync.told_all();
    }));
}

kj::Promise<bool> Exchange::tell_rest(NodeId peer, std::vector<limits::CellBatch> rest) {
    if (rest.empty()) return true;
    Session* const session = links_.find(peer);
    if (session == nullptr) return false;
    const wire::CounterPush push{std::move(rest.back()), wall_now()};
    rest.pop_back();
    return session->push_counters(push).then(
        [this, peer, rest = std::move(rest)](bool taken) mutable -> kj::Promise<bool> {
            if (!taken) return false;
            return tell_rest(std::move(peer), std::move(rest));
        });
}

void Exchange::push_register(const state::Register& changed) {
    const state::Page page{{&changed}, std::nullopt};
    links_.for_each([&](const NodeId&, Session& session) {
        if (session.bulk_free()) tasks_.add(session.push_registers(page).ignoreResult());
    });
}

kj::Promise<void> Exchange::pull(NodeId peer, state::Cursor from) {
    const auto found = peers_.find(peer);
    Session* const session = links_.find(peer);
    if (found == peers_.end() || session == nullptr) return kj::READY_NOW;
    found->second.pulling = true;
    const wire::RegisterPull question{replica_.registers().digest(), std::move(from)};
    const MonoTime start = mono_now();
    const WallTime wall_start = wall_now();
    return session->pull_registers(question).then(
        [this, peer, start, wall_start](Result<wire::RegisterPage>&& page) -> kj::Promise<void> {
            const auto asked = peers_.find(peer);
            if (asked != peers_.end()) asked->second.pulling = false;
            if (!page) {
                const bool again =
                    asked != peers_.end() && std::exchange(asked->second.pull_again, false);
                return again ? pull(peer, {}) : kj::Promise<void>(kj::READY_NOW);
            }
            const MonoTime now = mono_now();
            const bool progress = !page->registers.empty();
            std::optional<state::Cursor> next = std::move(page->next);
            on_registers(peer, std::move(page->registers));
            const bool more = next && progress;
            if (asked != peers_.end()) {
                PeerSync& sync = asked->second.sync;
                if (page->clock) sync.clock(*page->clock, wall_start, now - start);
                const std::uint64_t ours = replica_.registers().digest().root();
                if (!more) {
                    sync.compared(
                        now, page->digest ? std::optional(*page->digest == ours) : std::nullopt);
                }
            }
            if (!more) return kj::READY_NOW;
            return pull(peer, std::move(*next));
        });
}

void Exchange::pull_from_one() {
    if (peers_.empty()) return;
    auto next = peers_.upper_bound(last_pulled_);
    if (next == peers_.end()) next = peers_.begin();
    last_pulled_ = next->first;
    if (!next->second.pulling) tasks_.add(pull(next->first, {}));
}

kj::Promise<void> Exchange::flush() {
    links_.for_each([&](const NodeId& peer, Session&) { tell_all(peer); });
    return tasks_.onEmpty();
}

Duration Exchange::delay(Duration push_interval) {
    Duration slowest{};
    const MonoTime now = mono_now();
    links_.for_each([&](const NodeId&, Session& session) {
        slowest = std::max(slowest, session.push_time_max(now));
    });
    return push_interval + slowest;
}

Duration Exchange::skew() const {
    Duration worst{};
    for (const auto& [id, peer] : peers_) worst = std::max(worst, peer.skew);
    return worst;
}

std::map<NodeId, const PeerSync*> Exchange::syncs() const {
    std::map<NodeId, const PeerSync*> all;
    for (const auto& [id, peer] : peers_) all.emplace(id, &peer.sync);
    return all;
}

std::optional<Duration> Exchange::clock_offset(const NodeId& peer) const {
    const PeerSync* const sync = sync_with(peer);
    return sync == nullptr ? std::nullopt : sync->clock_offset();
}

const PeerSync* Exchange::sync_with(const NodeId& peer) const {
    const auto found = peers_.find(peer);
    return found == peers_.end() ? nullptr : &found->second.sync;
}

}  // namespace vidai::mesh::rpc
