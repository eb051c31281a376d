// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/exchange.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include <kj/vector.h>

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
    : links_(links), replica_(replica), merged_(std::move(merged)), tasks_(*this) {}

Exchange::~Exchange() noexcept(false) = default;

void Exchange::on_link_up(const NodeId& peer) {
    peers_[peer].needs_all = true;
    if (!peers_[peer].pulling) tasks_.add(pull(peer, {}));
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
}

void Exchange::on_registers(const NodeId& from, std::vector<state::Register> registers) {
    const MergeReport report = replica_.merge(std::move(registers), wall_now(), mono_now());
    counters_.registers_applied += report.applied;
    counters_.registers_known += report.known;
    counters_.registers_refused += report.refused;
    merged_(from, report);
}

void Exchange::push(const NodeId& peer, Session& session, const wire::CounterPush& push) {
    tasks_.add(session.push_counters(push).then([this, peer](bool taken) {
        const auto found = peers_.find(peer);
        if (!taken && found != peers_.end()) found->second.needs_all = true;
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
                peers_[peer].needs_all = true;
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
        found->second.needs_all |= !taken;
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

kj::Promise<std::vector<NodeId>> Exchange::holders(const state::RegisterName& name,
                                                   state::Hlc time) {
    auto found = std::make_shared<std::vector<NodeId>>();
    kj::Vector<kj::Promise<void>> asked;
    links_.for_each([&](const NodeId& peer, Session& session) {
        asked.add(session.holds(name, time).then([found, id = peer](bool held) {
            if (held) found->push_back(id);
        }));
    });
    return kj::joinPromises(asked.releaseAsArray()).then([found]() { return std::move(*found); });
}

kj::Promise<void> Exchange::pull(NodeId peer, state::Cursor from) {
    const auto found = peers_.find(peer);
    Session* const session = links_.find(peer);
    if (found == peers_.end() || session == nullptr) return kj::READY_NOW;
    found->second.pulling = true;
    const wire::RegisterPull question{replica_.registers().digest(), std::move(from)};
    return session->pull_registers(question).then(
        [this, peer](Result<wire::RegisterPage>&& page) -> kj::Promise<void> {
            const auto asked = peers_.find(peer);
            if (asked != peers_.end()) asked->second.pulling = false;
            if (!page) return kj::READY_NOW;
            const bool progress = !page->registers.empty();
            std::optional<state::Cursor> next = std::move(page->next);
            on_registers(peer, std::move(page->registers));
            if (!next || !progress) return kj::READY_NOW;
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

}  // namespace vidai::mesh::rpc
