// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/exchange.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include <kj/vector.h>

#include "mesh/rpc/member_word.h"

namespace vidai::mesh::rpc {

Exchange::Exchange(Links& links, Replica& replica, const Clock& clock, RelaySetup relay,
                   Merged merged, Malformed malformed)
    : links_(links),
      replica_(replica),
      clock_(clock),
      merged_(std::move(merged)),
      malformed_(std::move(malformed)),
      claim_of_(std::move(relay.claim_of)),
      fanout_(replica.counters(), wire::kCellsPerChunk),
      puller_(replica.counters()),
      relay_(replica.counters(), relay_crypto(replica, claim_of_),
             {.full_mesh_max = relay.full_mesh_max, .cells_max = wire::kCellsPerChunk}, relay.seed),
      register_relay_({.full_mesh_max = relay.full_mesh_max}, relay.seed + 1),
      propagation_(clock.wall_now()),
      tasks_(*this) {}

Exchange::~Exchange() noexcept(false) = default;

void Exchange::on_link_up(const NodeId& peer) {
    fanout_.on_connected(peer, mono_now());
    puller_.on_connected(peer, mono_now());
    relay_.on_connected(peer);
    register_relay_.on_connected(peer);
    note_owed(peer, peers_[peer]);
    peers_[peer].pull_again = peers_[peer].pulling;
    if (!peers_[peer].pulling) tasks_.add(pull(peer, {}));
}

// For the doctor: since when a peer has been owed counters.
void Exchange::note_owed(const NodeId& id, Peer& peer) {
    fanout_.owes(id) ? peer.sync.missed(mono_now()) : peer.sync.told_all();
}

void Exchange::on_link_down(const NodeId& peer) {
    fanout_.on_disconnected(peer);
    puller_.on_disconnected(peer);
    relay_.on_disconnected(peer);
    register_relay_.on_disconnected(peer);
    peers_.erase(peer);
}

void Exchange::count(const limits::MergeCount& merged) {
    counters_.cells_applied += merged.applied;
    counters_.cells_unchanged += merged.unchanged;
    counters_.cells_refused += merged.refused;
}

limits::MergeCount Exchange::merge(const limits::CellBatch& batch, const NodeId& from,
                                   WallTime wall, limits::CounterStore::Said how) {
    const limits::MergeCount merged = replica_.counters().merge(batch, from, mono_now(), wall, how);
    count(merged);
    return merged;
}

void Exchange::on_relayed(const NodeId& from, const wire::SignedBatches& batches) {
    for (const limits::SignedBatchRef& said : batches) {
        count(relay_.on_relay(from, said, mono_now(), wall_now()));
    }
}

limits::CellPage Exchange::cells_for(const NodeId& from, const limits::CellPull& pull) {
    fanout_.on_asked(from);
    limits::CellPage page = replica_.counters().page(pull);
    for (limits::CellBatch& batch : page.batches) batch = readable(std::move(batch), from);
    return page;
}

limits::CellBatch Exchange::readable(limits::CellBatch batch, const NodeId& by) const {
    const membership::ClaimRef claim = claim_of_(by);
    if (can(claim, Capability::kLimits)) return batch;
    // Without a profile it is an older program, or its word has not come yet.
    return limits::plain_part(std::move(batch), claim && !claim->profile.empty());
}

void Exchange::on_counters(const NodeId& from, const wire::CounterPush& push) {
    const WallTime wall = wall_now();
    const limits::MergeCount count =
        merge(push.batch, from, wall, limits::CounterStore::Said::kPushed);
    told_counters_ |= push.complete;
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

MergeReport Exchange::merge(const NodeId& from, std::vector<state::Register> registers) {
    const WallTime wall = wall_now();
    MergeReport report = replica_.merge(std::move(registers), wall, mono_now());
    for (const KeyChange& change : report.changes) {
        const state::Statement& said = replica_.find(change.key)->statement;
        propagation_.register_written(said.time.wall(), wall, clock_offset(said.origin));
    }
    counters_.registers_applied += report.applied;
    counters_.registers_known += report.known;
    counters_.registers_refused += report.refused;
    merged_(from, report);
    return report;
}

void Exchange::on_registers(const NodeId& from, std::vector<state::Register> registers) {
    const MergeReport report = merge(from, std::move(registers));
    for (const state::RegisterName& name : report.news) pass_on(name, from, false);
}

void Exchange::pass_on(const state::RegisterName& name, const NodeId& from, bool found) {
    const state::Register* const said = replica_.registers().find(name);
    if (said == nullptr) return;
    const std::size_t bytes = said->statement.value.size() + said->chain->size();
    const NodeId& author = said->statement.origin;
    const MonoTime now = mono_now();
    const std::vector<NodeId> next = found ? register_relay_.next_of_found(author, from, bytes, now)
                                           : register_relay_.next(author, from, bytes, nodes_, now);
    for (const NodeId& peer : next) {
        Session* const session = links_.find(peer);
        if (session != nullptr) push_register(peer, *session, *said);
    }
}

std::size_t Exchange::cells_room(const NodeId& peer, bool whole_window) {
    Session* const session = links_.find(peer);
    if (session == nullptr) return 0;
    const BulkWindow& bulk = session->bulk();
    return (whole_window ? bulk.room() : std::min(bulk.room(), bulk.chunk())) / wire::kCellBytes;
}

limits::CounterFanout::Room Exchange::fanout_room() {
    return [this](const NodeId& peer) {
        return limits::CounterFanout::Space(cells_room(peer, true), cells_room(peer, false));
    };
}

void Exchange::push_counters(std::uint32_t nodes) {
    nodes_ = nodes;
    const MonoTime now = mono_now();
    const WallTime wall = wall_now();
    const auto window = [this](const NodeId& peer) { return cells_room(peer, true); };
    const auto chunk = [this](const NodeId& peer) { return cells_room(peer, false); };
    perform(fanout_.on_interval(now, wall, nodes, fanout_room()));
    for (const limits::RelayCall& call : relay_.on_interval(now, wall, nodes, window)) {
        Session* const session = links_.find(call.to);
        if (session == nullptr) continue;
        // Nobody but its origin could leave out a part; who cannot read all of it asks its peers.
        wire::SignedBatches batches = call.batches;
        if (!can(claim_of_(call.to), Capability::kLimits)) {
            std::erase_if(batches, [](const limits::SignedBatchRef& said) {
                return !std::ranges::all_of(said->batch.cells, limits::is_plain);
            });
        }
        tasks_.add(session->relay_counters(batches).ignoreResult());
    }
    counters_.relays = relay_.counters();
    for (const limits::CounterAsk& ask : puller_.on_interval(now, wall, nodes, chunk)) {
        tasks_.add(perform(ask));
    }
}

kj::Promise<void> Exchange::perform(const limits::CounterAsk& ask) {
    Session* const session = links_.find(ask.to);
    if (session == nullptr) return kj::READY_NOW;
    return session->pull_counters(ask.pull).then(
        [this, from = ask.to, token = ask.token](Result<limits::CellPage>&& page) {
            if (!page) {
                on_no_page(from, page.error());
                return puller_.on_failure(from, token, mono_now());
            }
            for (limits::CellBatch& batch : page->batches) {
                const auto said = puller_.before_merge(from, batch);
                const auto merged = merge(batch, from, wall_now(), said);
                puller_.after_merge(from, batch, merged);
            }
            if (page->next && puller_.is_endless(from, token)) {
                malformed_(from, {ErrorCode::kProtocol, "what it says it has counted has no end",
                                  "answer"});
            }
            (void)puller_.on_page(from, token, std::move(page->next), mono_now());
            told_counters_ |= puller_.informed();
        });
}

void Exchange::perform(const limits::CounterCalls& calls) {
    counters_.catch_ups = fanout_.catch_ups();
    for (const limits::CounterCall& each : calls) tasks_.add(perform(each));
    for (auto& [id, peer] : peers_) note_owed(id, peer);
}

kj::Promise<void> Exchange::perform(const limits::CounterCall& call) {
    Session* const session = links_.find(call.to);
    if (session == nullptr) return kj::READY_NOW;  // its end was told, or is about to be
    peers_[call.to].sync.pushed(mono_now());
    return session->push_counters({readable(*call.batch, call.to), wall_now(), call.complete})
        .then([this, to = call.to, token = call.token,
               last = call.catch_up && call.batch->whole](bool taken) -> kj::Promise<void> {
            auto next = fanout_.on_answer(to, token, taken, wall_now(), fanout_room());
            if (const auto told = peers_.find(to); told != peers_.end()) {
                told->second.sync.push_ended();
                // Caught up with what it had missed; what it is behind with now is younger.
                if (last && taken) told->second.sync.told_all();
                note_owed(to, told->second);
            }
            if (!next) return kj::READY_NOW;
            return perform(*next);
        });
}

void Exchange::push_register(const NodeId& peer, Session& session, const state::Register& said) {
    if (said.statement.kind > newest_kind(claim_of_(peer))) return;
    const std::size_t bytes = said.statement.value.size() + said.chain->size();
    if (!session.bulk().takes(bytes)) return;
    tasks_.add(session.push_registers({{&said}, std::nullopt}).ignoreResult());
}

void Exchange::push_register(const state::Register& changed) {
    links_.for_each(
        [&](const NodeId& peer, Session& session) { push_register(peer, session, changed); });
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

// A peer that does not answer is no news; one that answers what was not asked is.
void Exchange::on_no_page(const NodeId& from, const Error& why) {
    if (why.code == ErrorCode::kProtocol) malformed_(from, why);
}

kj::Promise<void> Exchange::pull(const NodeId& peer, state::RegisterRound round) {
    const auto found = peers_.find(peer);
    Session* const session = links_.find(peer);
    if (found == peers_.end() || session == nullptr) return kj::READY_NOW;
    found->second.pulling = true;
    const wire::RegisterPull question{replica_.registers().digest(), round.from(),
                                      session->bulk().chunk()};
    const MonoTime start = mono_now();
    const WallTime wall_start = wall_now();
    return session->pull_registers(question).then(
        [this, peer, start, wall_start, round = std::move(round),
         bytes_max = wire::page_bytes_max(question)](
            Result<wire::RegisterPage>&& page) mutable -> kj::Promise<void> {
            const auto asked = peers_.find(peer);
            if (asked != peers_.end()) asked->second.pulling = false;
            if (!page) {
                on_no_page(peer, page.error());
                const bool again =
                    asked != peers_.end() && std::exchange(asked->second.pull_again, false);
                return again ? pull(peer, {}) : kj::Promise<void>(kj::READY_NOW);
            }
            const MonoTime now = mono_now();
            const Result<bool> more = round.take(page->registers, page->next, bytes_max);
            if (!more) {
                malformed_(peer, more.error());
                return kj::READY_NOW;
            }
            told_registers_ |= !page->next;
            const MergeReport report = merge(peer, std::move(page->registers));
            if (report.news.size() <= state::RegisterRelay::kFew) {
                for (const state::RegisterName& name : report.news) pass_on(name, peer, true);
            }
            if (asked != peers_.end()) {
                PeerSync& sync = asked->second.sync;
                if (page->clock) sync.clock(*page->clock, wall_start, now - start);
                const std::uint64_t ours = replica_.registers().digest().root();
                if (!*more) {
                    sync.compared(
                        now, page->digest ? std::optional(*page->digest == ours) : std::nullopt);
                }
            }
            if (!*more) return kj::READY_NOW;
            return pull(peer, std::move(round));
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
    perform(fanout_.tell_everybody(mono_now(), wall_now()));
    return tasks_.onEmpty();
}

Duration Exchange::delay(Duration push_interval) {
    Duration slowest{};
    const MonoTime now = mono_now();
    links_.for_each([&](const NodeId&, Session& session) {
        slowest = std::max(slowest, session.push_time_max(now));
    });
    const Duration once = push_interval + slowest;
    return relay_.relays() ? relay_.spacing() + relay_.hops() * once : once;
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
