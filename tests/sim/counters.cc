// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/counters.h"

#include <algorithm>
#include <chrono>

#include "mesh/limits/window.h"

namespace vidai::sim {

using namespace mesh::limits;  // NOLINT(google-build-using-namespace)
using std::chrono::milliseconds;

namespace {

// As the node's defaults have them, and about as mesh/rpc/bulk_window.h does.
constexpr Duration kPushInterval = milliseconds(50);
constexpr std::size_t kCallsMax = 4;
constexpr Duration kCallTimeout = std::chrono::seconds(5);
// Small, so that a full sync has parts; not so small that it takes longer than healing may.
constexpr std::size_t kCellsPerCallFew = 16;
constexpr std::size_t kCellsPerCallMany = 64;
constexpr std::size_t kCellsPerCallLarge = 256;  // as a real node, where paging is not the point
constexpr std::uint32_t kLarge = 100;            // nodes
constexpr std::uint32_t kTicksPerCollection = 20;
// Nodes have met by then; and after healing there is time to tell all.
constexpr Duration kFirstRequest = milliseconds(2500);
constexpr Duration kLastRequest = kFaultTime + std::chrono::seconds(2);

CellKind kind_of(const Ticket::Taken& taken) {
    return taken.kind == LimitKind::kTokens ? CellKind::kTokens : CellKind::kRequests;
}

}  // namespace

Counters::Counters(World& world, const Plan& plan)
    : world_(world),
      traffic_(plan.traffic),
      calm_(plan.calm() &&
            (plan.links.bytes_per_second == 0 || plan.links.bytes_per_second > 1'000'000)),
      flooded_(calm_ && plan.faults.empty() && plan.connections != 0),
      cells_per_call_(plan.nodes > kLarge     ? kCellsPerCallLarge
                      : plan.traffic.keys > 5 ? kCellsPerCallMany
                                              : kCellsPerCallFew),
      page_time_(2 * (plan.links.latency + plan.links.jitter) + kPushInterval),
      limits_{plan.traffic.requests_per_minute, {}, {}},
      rng_(plan.seed ^ 0xc0de),
      cost_rng_(plan.seed ^ 0xc057),
      nodes_(world.size()),
      ledger_(plan.traffic.keys),
      news_(world.size()),
      worst_(plan.traffic.keys * kWindowedKinds) {
    if (traffic_.tokens_per_minute > 0) limits_.tokens_per_minute = traffic_.tokens_per_minute;
    for (std::uint32_t key = 0; key < traffic_.keys; ++key) {
        keys_.emplace_back("simulated" + std::to_string(100 + key));
    }
    if (traffic_.offered > 0) world_.scheduler().after(kFirstRequest, [this] { arrive(); });
    note_clocks();
}

std::uint32_t Counters::key_of(const KeyId& id) const {
    return static_cast<std::uint32_t>(std::lower_bound(keys_.begin(), keys_.end(), id) -
                                      keys_.begin());
}

CellName Counters::cell(std::uint32_t node, std::uint32_t key, Kind kind,
                        std::uint32_t window) const {
    return {key, kind, window, world_.node(node).identity, generation(node).value};
}

Generation Counters::generation(std::uint32_t node) const {
    const World::Node& process = world_.node(node);
    return cell_generation(process.life_serial, Generation{process.life_generation});
}

void Counters::on_start(std::uint32_t index) {
    Node& node = nodes_[index];
    const World::Node& process = world_.node(index);
    node = {};
    node.table = std::make_unique<CounterTable>(static_cast<Slot>(keys_.size()));
    node.store = std::make_unique<CounterStore>(
        *node.table, process.name, generation(index),
        StoreOptions{.push_cells_max = cells_per_call_},
        [&process](const NodeId& id) { return process.core->claim_of(id) != nullptr; });
    node.fanout = std::make_unique<CounterFanout>(*node.store, cells_per_call_);
    node.puller = std::make_unique<CounterPuller>(*node.store);
    node.relay = make_relay(index);
    for (const KeyId& key : keys_) (void)node.store->bind(key, limits_);
    news_.start(index, world_.now());
    ++lives_;
    ++lived_[{process.name, generation(index)}];
    ++running_;
    const auto phase = rng_.below(static_cast<std::uint64_t>(kPushInterval.count()));
    world_.later(index, Duration(phase), [this, index] { tick(index); });
}

void Counters::on_stop(std::uint32_t index) {
    lose(index);
    nodes_[index] = {};
    --running_;
}

void Counters::on_connected(std::uint32_t index, std::uint32_t peer) {
    Node& node = nodes_[index];
    node.calls.erase(peer);
    node.questions.erase(peer);
    node.catch_ups.erase(peer);
    node.connected[peer] = world_.now();
    node.fanout->on_connected(world_.node(peer).name, world_.now());
    node.puller->on_connected(world_.node(peer).name, world_.now());
    node.relays.erase(peer);
    node.relay->on_connected(world_.node(peer).name);
    news_.miss(index, peer, world_.now());
}

void Counters::on_disconnected(std::uint32_t index, std::uint32_t peer) {
    Node& node = nodes_[index];
    node.calls.erase(peer);
    node.questions.erase(peer);
    node.connected.erase(peer);
    node.fanout->on_disconnected(world_.node(peer).name);
    node.puller->on_disconnected(world_.node(peer).name);
    node.relays.erase(peer);
    node.relay->on_disconnected(world_.node(peer).name);
    news_.miss(index, peer, world_.now());
}

void Counters::on_leave(std::uint32_t index) {
    Node& node = nodes_[index];
    const std::uint64_t before = node.store->changes();
    CounterCalls calls = node.fanout->tell_everybody(world_.now(), world_.wall(index));
    note_skipped(index, before, calls);
    perform(index, std::move(calls), world_.now());
}

void Counters::on_packet(std::uint32_t index, std::uint32_t peer, const Packet& packet) {
    Node& node = nodes_[index];
    if (const auto* answer = std::get_if<CounterAnswer>(&packet)) {
        if (answer->call.life != world_.node(index).life) return;
        if (node.relays[peer].erase(answer->call.token) > 0) return;
        return answered(index, peer, answer->call.token, true);
    }
    if (const auto* told = std::get_if<CounterRelayed>(&packet))
        return on_relay(index, peer, *told);
    if (const auto* page = std::get_if<CounterPage>(&packet)) return on_page(index, peer, *page);
    if (const auto* asked = std::get_if<CounterPull>(&packet)) {
        node.fanout->on_asked(world_.node(peer).name);
        auto page = std::make_shared<CellPage>(node.store->page(*asked->pull));
        return world_.send(index, peer, CounterPage{asked->call, std::move(page), world_.now()});
    }
    const auto* told = std::get_if<CounterPush>(&packet);
    if (told == nullptr) return;
    check_cells(index, *told->batch);
    (void)node.store->merge(*told->batch, world_.node(peer).name, world_.now(), world_.wall(index));
    if (told->batch->whole) {
        news_.reach(peer, index, told->as_of,
                    told->catch_up ? News::How::kCatchUp : News::How::kPush);
    }
    check_known(index, *told->batch);
    world_.send(index, peer, CounterAnswer{told->call});
}

void Counters::on_page(std::uint32_t index, std::uint32_t peer, const CounterPage& told) {
    Node& node = nodes_[index];
    Round& round = node.questions[peer];
    if (told.call.life != world_.node(index).life || told.call.token != round.token) return;
    round.token = 0;
    if (std::exchange(round.first, false)) round.as_of = told.as_of;
    const NodeId& teller = world_.node(peer).name;
    if (const auto good = mesh::limits::check_answer(*round.asked, *told.page); !good) {
        world_.violate("answers-are-answers", teller.str() + ": " + good.error().message);
    }
    for (CellBatch batch : told.page->batches) {
        check_cells(index, batch);
        const CounterStore::Said said = node.puller->before_merge(teller, batch);
        const MergeCount count =
            node.store->merge(batch, teller, world_.now(), world_.wall(index), said);
        node.puller->after_merge(teller, batch, count);
        check_known(index, batch);
    }
    const bool all = node.puller->on_page(world_.node(peer).name, told.call.token, told.page->next,
                                          world_.now());
    if (all) news_.reach(peer, index, round.as_of, News::How::kAnswer);
}

void Counters::tick(std::uint32_t index) {
    Node& node = nodes_[index];
    const std::uint32_t living = world_.living(index);
    push(index, living);
    relay(index, living);
    ask(index, living);
    if (++node.ticks % kTicksPerCollection == 0) {
        node.store->tick(world_.now(), world_.wall(index));
        if (calm_) check_pushes_arrive(index);
        if (world_.node(index).doubled) check_own_count(index);
    }
    world_.later(index, kPushInterval, [this, index] { tick(index); });
}

std::size_t Counters::calls_under_way(std::uint32_t index, std::uint32_t peer) const {
    const auto found = nodes_[index].calls.find(peer);
    return found == nodes_[index].calls.end() ? 0 : found->second.size();
}

std::size_t Counters::room_for(std::uint32_t index, std::uint32_t peer) const {
    const auto relayed = nodes_[index].relays.find(peer);
    const std::size_t calls = calls_under_way(index, peer) +
                              (relayed == nodes_[index].relays.end() ? 0 : relayed->second.size());
    return cells_per_call_ * (kCallsMax - std::min(kCallsMax, calls));
}

void Counters::push(std::uint32_t index, std::uint32_t nodes) {
    Node& node = nodes_[index];
    const MonoTime now = world_.now();
    nodes_overestimated_ = std::max(nodes_overestimated_, static_cast<double>(running_) / nodes);
    const auto room = [&](const NodeId& peer) { return room_for(index, *world_.index_of(peer)); };
    const std::uint64_t before = node.store->changes();
    CounterCalls calls = node.fanout->on_interval(now, world_.wall(index), nodes, room);
    note_skipped(index, before, calls);
    // Who has nothing under way and is told nothing is up to date.
    for (const auto& [peer, since] : node.connected) {
        const bool told = std::any_of(calls.begin(), calls.end(), [&](const CounterCall& call) {
            return call.to == world_.node(peer).name;
        });
        const bool idle = calls_under_way(index, peer) == 0;
        if (idle && !told && world_.linked(index, peer)) {
            news_.reach(index, peer, now, News::How::kPush);
        }
    }
    perform(index, std::move(calls), now);
}

// Whom what has just been given out was not sent to.
void Counters::note_skipped(std::uint32_t index, std::uint64_t before, const CounterCalls& calls) {
    const std::uint64_t now = nodes_[index].store->changes();
    if (now == before) return;
    for (const auto& [peer, since] : nodes_[index].connected) {
        const bool sent = std::any_of(calls.begin(), calls.end(), [&](const CounterCall& call) {
            return call.to == world_.node(peer).name && call.batch->whole &&
                   call.batch->upto == now;
        });
        if (!sent) news_.skip(index, peer, world_.now());
    }
}

void Counters::perform(std::uint32_t index, CounterCalls calls, MonoTime as_of) {
    for (CounterCall& call : calls) {
        const std::uint32_t peer = *world_.index_of(call.to);
        MonoTime when = as_of;
        if (call.catch_up) {  // tells what was so when its first part was made
            Round& round = nodes_[index].catch_ups[peer];
            if (round.upto != call.batch->upto) round = {0, call.batch->upto, false, world_.now()};
            when = round.as_of;
        }
        nodes_[index].calls[peer][call.token] = when;
        world_.send(
            index, peer,
            CounterPush{call_of(index, call.token), std::move(call.batch), when, call.catch_up});
        world_.later(index, kCallTimeout, [this, index, peer, token = call.token] {
            answered(index, peer, token, false);
        });
    }
}

void Counters::answered(std::uint32_t index, std::uint32_t peer, std::uint64_t token, bool taken) {
    Node& node = nodes_[index];
    const auto open = node.calls.find(peer);
    if (open == node.calls.end() || open->second.erase(token) == 0) return;
    if (!taken) news_.skip(index, peer, world_.now());
    const auto room = [&](const NodeId& id) { return room_for(index, *world_.index_of(id)); };
    auto next =
        node.fanout->on_answer(world_.node(peer).name, token, taken, world_.wall(index), room);
    if (!next) return;
    CounterCalls calls;
    calls.push_back(std::move(*next));
    perform(index, std::move(calls), world_.now());
}

void Counters::ask(std::uint32_t index, std::uint32_t nodes) {
    Node& node = nodes_[index];
    const auto room = [this](const NodeId&) { return cells_per_call_; };
    for (CounterAsk& each :
         node.puller->on_interval(world_.now(), world_.wall(index), nodes, room)) {
        const std::uint32_t peer = *world_.index_of(each.to);
        Round& round = node.questions[peer];
        round.token = each.token;
        round.first |= !each.pull.from;
        round.asked = std::make_shared<CellPull>(std::move(each.pull));
        world_.send(index, peer, CounterPull{call_of(index, each.token), round.asked});
        world_.later(index, kCallTimeout, [this, index, peer, token = each.token] {
            Round& asked = nodes_[index].questions[peer];
            if (asked.token != token) return;
            asked.token = 0;
            nodes_[index].puller->on_failure(world_.node(peer).name, token, world_.now());
        });
    }
}

void Counters::arrive() {
    const MonoTime begin{std::chrono::hours(1)};
    if (world_.now() - begin > kLastRequest) return;
    const double mean = traffic_.burst / traffic_.offered;
    const auto wait = static_cast<std::int64_t>(2e9 * mean * rng_.unit());
    world_.scheduler().after(Duration(wait), [this] { arrive(); });
    note_clocks();
    const auto key = static_cast<std::uint32_t>(rng_.below(traffic_.keys));
    const bool to_one = rng_.chance(traffic_.to_one);
    auto node = static_cast<std::uint32_t>(rng_.below(nodes_.size()));
    for (std::uint32_t i = 0; i < traffic_.burst; ++i) {
        if (!to_one) node = static_cast<std::uint32_t>(rng_.below(nodes_.size()));
        (void)request(node, key);
    }
}

bool Counters::request(std::uint32_t index, std::uint32_t key) {
    const World::Node& process = world_.node(index);
    if (!world_.running(index) || process.paused || process.left) return false;
    Node& node = nodes_[index];
    const auto reserved = static_cast<std::int64_t>(1 + rng_.below(200));
    const Decision decision =
        node.table->admit(key, limits_, {1, Tokens{reserved}}, world_.wall(index));
    world_.trace(decision.admitted ? 7 : 8);
    if (!decision.admitted) {
        if (decision.refused_by == LimitKind::kTokens) {
            ledger_.refuse(cell(index, key, Kind::kRequests, 0));
        }
        return false;
    }
    const Ticket& ticket = decision.ticket;
    for (const Ticket::Taken& taken : ticket.all()) {
        charge(index, key, kind_of(taken), taken.window, taken.amount);
    }
    node.charged_at = world_.now();
    check_admission(index, key);
    const Duration held = Duration(rng_.below(
        static_cast<std::uint64_t>(std::max<std::int64_t>(1, traffic_.hold_max.count()))));
    world_.later(index, held, [this, index, key, ticket] { settle(index, ticket, key); });
    return true;
}

void Counters::charge(std::uint32_t index, std::uint32_t key, Kind kind, std::uint32_t window,
                      std::uint64_t amount) {
    if (amount == 0) return;
    const CellName name = cell(index, key, kind, window);
    ledger_.charge(name, life(index), amount, world_.now(), world_.wall());
    if (world_.node(index).doubled) nodes_[index].charged[name] += amount;
}

// It used more than it had reserved, and whatever the limit has left: nobody takes that back.
void Counters::overrun(std::uint32_t index, const Ticket& ticket, std::uint32_t key) {
    Node& node = nodes_[index];
    const WallTime wall = world_.wall(index);
    const std::uint64_t beyond = 1 + cost_rng_.below(300);
    const auto before = node.table->own(key, LimitKind::kTokens, wall);
    const std::uint64_t reserved = ticket.find(LimitKind::kTokens)->amount;
    node.table->settle(ticket, Tokens{static_cast<std::int64_t>(reserved + beyond)}, wall);
    for (const OwnCell& now : node.table->own(key, LimitKind::kTokens, wall)) {
        std::uint64_t charged = now.charged;
        for (const OwnCell& was : before) {
            if (was.window == now.window) charged -= was.charged;
        }
        charge(index, key, Kind::kTokens, now.window, charged);
    }
    overrun_max_ = std::max(overrun_max_, beyond);
    node.charged_at = world_.now();
}

void Counters::spend(std::uint32_t index, std::uint32_t key) {
    const std::uint64_t amount = 1 + cost_rng_.below(3'000);
    nodes_[index].table->add_spend(key, MicroUsd{static_cast<std::int64_t>(amount)});
    ledger_.spend(cell(index, key, Kind::kSpend, 0), amount);
}

void Counters::settle(std::uint32_t index, const Ticket& ticket, std::uint32_t key) {
    CounterTable& table = *nodes_[index].table;
    const auto returned = [&](Kind kind, std::uint32_t window, std::uint64_t amount) {
        if (amount > 0) ledger_.give_back(cell(index, key, kind, window), amount);
    };
    if (rng_.chance(0.15)) {
        table.give_back(ticket);
        for (const Ticket::Taken& taken : ticket.all()) {
            returned(kind_of(taken), taken.window, taken.amount);
        }
        return;
    }
    if (cost_rng_.chance(0.5)) spend(index, key);
    if (rng_.chance(0.15)) return table.keep(ticket);
    const Ticket::Taken* const tokens = ticket.find(LimitKind::kTokens);
    if (tokens != nullptr && cost_rng_.chance(0.1)) return overrun(index, ticket, key);
    const std::uint64_t used = rng_.below((tokens != nullptr ? tokens->amount : 0) + 1);
    table.settle(ticket, Tokens{static_cast<std::int64_t>(used)}, world_.wall(index));
    if (tokens != nullptr) returned(Kind::kTokens, tokens->window, tokens->amount - used);
}

std::uint64_t Counters::known(std::uint32_t index, std::uint32_t key) const {
    return nodes_[index].table->use(key, world_.wall(index)).requests_known;
}

}  // namespace vidai::sim
