// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/network.h"

#include <algorithm>
#include <utility>

namespace vidai::sim {
namespace {

using mesh::membership::Dial;
using mesh::membership::DialFailure;
using mesh::membership::LinkEnd;
using std::chrono::milliseconds;

constexpr Duration kFirstRto = milliseconds(200);
constexpr Duration kLastRto = std::chrono::seconds(120);
constexpr Duration kFirstSyn = std::chrono::seconds(1);

}  // namespace

Network::Network(Scheduler& scheduler, Receiver& receiver, const LinkQuality& quality,
                 std::uint32_t nodes, std::uint64_t seed)
    : scheduler_(scheduler),
      receiver_(receiver),
      quality_(quality),
      rng_(seed),
      hosts_(nodes),
      blocked_(static_cast<std::size_t>(nodes) * nodes) {}

void Network::start(std::uint32_t node) {
    hosts_[node].up = true;
    hosts_[node].listening = true;
    hosts_[node].paused = false;
}

void Network::stop(std::uint32_t node, bool silent) {
    Host& host = hosts_[node];
    host.listening = false;
    host.paused = false;
    ++host.life;
    if (silent) host.up = false;
    std::vector<std::pair<ConnectionId, int>> mine;
    for (const auto& [id, connection] : connections_) {
        for (int side = 0; side < 2; ++side) {
            const End& end = connection.ends[side];
            if (end.node == node && end.open) mine.emplace_back(id, side);
        }
    }
    for (const auto& [id, side] : mine) {
        End& end = connections_.at(id).ends[side];
        end.open = false;
        end.out.queue.clear();
        connection_of_.erase(pair(node, connections_.at(id).ends[1 - side].node));
        if (silent) continue;
        end.out.queue.push_back({.fin = true, .message = {}});
        if (!end.out.stalled) transmit(id, side);
    }
}

void Network::block(std::uint32_t from, std::uint32_t to, bool on) {
    std::uint32_t& count = blocked_[pair(from, to)];
    if (on) {
        ++count;
    } else if (count > 0) {
        --count;
    }
}

void Network::heal() {
    std::fill(blocked_.begin(), blocked_.end(), 0);
    quality_.loss = 0;
    quality_.duplicate = 0;
    quality_.tail = 0;
}

bool Network::path(std::uint32_t from, std::uint32_t to) const {
    return hosts_[from].up && hosts_[to].up && blocked_[pair(from, to)] == 0;
}

bool Network::passes(std::uint32_t from, std::uint32_t to) {
    return path(from, to) && !rng_.chance(quality_.loss);
}

Duration Network::delay() {
    Duration all = quality_.latency;
    all += Duration(rng_.below(static_cast<std::uint64_t>(quality_.jitter.count()) + 1));
    if (rng_.chance(quality_.tail)) {
        all += Duration(rng_.below(static_cast<std::uint64_t>(quality_.tail_max.count()) + 1));
    }
    return all;
}

Network::Connection* Network::find(ConnectionId id) {
    const auto found = connections_.find(id);
    return found == connections_.end() ? nullptr : &found->second;
}

void Network::send(std::uint32_t from, std::uint32_t to, mesh::membership::Message message) {
    const auto known = connection_of_.find(pair(from, to));
    if (known == connection_of_.end()) return;
    Connection& connection = connections_.at(known->second);
    const int side = connection.ends[0].node == from ? 0 : 1;
    Stream& out = connection.ends[side].out;
    out.queue.push_back({.fin = false, .message = std::move(message)});
    if (!out.stalled) transmit(known->second, side);
}

void Network::transmit(ConnectionId id, int side) {
    Connection& connection = connections_.at(id);
    Stream& out = connection.ends[side].out;
    const std::uint32_t from = connection.ends[side].node;
    const std::uint32_t to = connection.ends[1 - side].node;
    out.stalled = false;
    while (!out.queue.empty()) {
        if (!passes(from, to)) {
            out.stalled = true;
            out.rto = out.rto.count() == 0 ? kFirstRto : std::min(2 * out.rto, kLastRto);
            if (!out.unacked_since) out.unacked_since = scheduler_.now();
            scheduler_.after(out.rto, [this, id, side] { retry(id, side); });
            return;
        }
        out.rto = {};
        const MonoTime when =
            std::max(scheduler_.now() + delay(), out.last_arrival + std::chrono::microseconds(1));
        out.last_arrival = when;
        Segment segment = std::move(out.queue.front());
        out.queue.pop_front();
        scheduler_.at(when, [this, id, side, segment = std::move(segment)]() mutable {
            arrive(id, side, std::move(segment));
        });
    }
    if (path(to, from)) {
        out.unacked_since.reset();
    } else if (!out.unacked_since) {
        // It arrives, but nobody tells us so.
        out.unacked_since = scheduler_.now();
        watch_acks(id, side);
    }
}

void Network::retry(ConnectionId id, int side) {
    Connection* connection = find(id);
    if (connection == nullptr) return;
    End& end = connection->ends[side];
    if (!hosts_[end.node].up) return;
    if (scheduler_.now() - *end.out.unacked_since >= quality_.user_timeout) {
        return give_up(id, side);
    }
    transmit(id, side);
}

void Network::watch_acks(ConnectionId id, int side) {
    scheduler_.after(kFirstRto, [this, id, side] {
        Connection* connection = find(id);
        if (connection == nullptr) return;
        End& end = connection->ends[side];
        if (!end.out.unacked_since || end.out.stalled) return;
        if (path(connection->ends[1 - side].node, end.node)) {
            end.out.unacked_since.reset();
        } else if (scheduler_.now() - *end.out.unacked_since >= quality_.user_timeout) {
            give_up(id, side);
        } else {
            watch_acks(id, side);
        }
    });
}

void Network::give_up(ConnectionId id, int side) {
    End& end = connections_.at(id).ends[side];
    end.out.queue.clear();
    if (end.open) return close_end(id, side, LinkEnd::kTimeout);
    collect(id);
}

void Network::close_end(ConnectionId id, int side, LinkEnd why) {
    Connection& connection = connections_.at(id);
    End& end = connection.ends[side];
    const std::uint32_t peer = connection.ends[1 - side].node;
    const std::uint32_t node = end.node;
    const bool was_open = std::exchange(end.open, false);
    end.out.queue.clear();
    const auto known = connection_of_.find(pair(node, peer));
    const bool current = known != connection_of_.end() && known->second == id;
    if (current) connection_of_.erase(known);
    collect(id);
    // A connection that another has replaced ends unnoticed.
    if (was_open && current) receiver_.disconnected(node, peer, why);
}

void Network::collect(ConnectionId id) {
    const Connection& connection = connections_.at(id);
    const auto done = [](const End& end) { return !end.open && end.out.queue.empty(); };
    if (done(connection.ends[0]) && done(connection.ends[1])) connections_.erase(id);
}

void Network::arrive(ConnectionId id, int side, Segment segment) {
    Connection* connection = find(id);
    if (connection == nullptr) return;
    const std::uint32_t from = connection->ends[side].node;
    const std::uint32_t to = connection->ends[1 - side].node;
    if (!hosts_[to].up) return;
    if (!connection->ends[1 - side].open) {
        // Nobody here knows this connection: a reset, if it finds its way back.
        if (!connection->ends[side].open) return collect(id);
        if (!path(to, from)) return;
        scheduler_.after(delay(), [this, id, side] {
            if (find(id) != nullptr) close_end(id, side, LinkEnd::kClosed);
        });
        return;
    }
    if (segment.fin) return close_end(id, 1 - side, LinkEnd::kClosed);
    ++messages_;
    if (rng_.chance(quality_.duplicate)) {
        const std::uint32_t life = hosts_[to].life;
        scheduler_.after(20 * delay(), [this, from, to, life, again = segment.message] {
            if (hosts_[to].life == life) receiver_.arrived(to, from, again);
        });
    }
    receiver_.arrived(to, from, segment.message);
}

void Network::dial(std::uint32_t from, const Dial& dial) {
    syn({from, hosts_[from].life, dial, scheduler_.now(), kFirstSyn});
}

void Network::fail_dial(const Attempt& attempt, Duration in, DialFailure failure) {
    scheduler_.after(in, [this, attempt, failure] {
        if (hosts_[attempt.from].life == attempt.life) {
            receiver_.dial_failed(attempt.from, attempt.dial, failure);
        }
    });
}

void Network::syn(Attempt attempt) {
    if (hosts_[attempt.from].life != attempt.life) return;
    const MonoTime end = attempt.started + attempt.dial.timeout;
    const std::optional<std::uint32_t> to = receiver_.owner(attempt.from, attempt.dial.address);
    if (to == attempt.from) return fail_dial(attempt, delay(), DialFailure::kRejected);
    if (!to || !passes(attempt.from, *to) || !passes(*to, attempt.from)) {
        const MonoTime next = scheduler_.now() + attempt.wait;
        if (next >= end) {
            return fail_dial(attempt, end - scheduler_.now(), DialFailure::kUnreachable);
        }
        attempt.wait *= 2;
        return scheduler_.at(next, [this, attempt]() mutable { syn(std::move(attempt)); });
    }
    const Duration round_trip = delay() + delay();
    if (!hosts_[*to].listening) return fail_dial(attempt, round_trip, DialFailure::kRefused);
    scheduler_.after(2 * round_trip, [this, attempt, to = *to] { handshake(attempt, to); });
}

// The kernel has accepted; now the process must answer.
void Network::handshake(Attempt attempt, std::uint32_t to) {
    if (hosts_[attempt.from].life != attempt.life) return;
    if (hosts_[to].up && !hosts_[to].listening) {
        return fail_dial(attempt, {}, DialFailure::kRejected);
    }
    const bool answers = path(attempt.from, to) && path(to, attempt.from) && !hosts_[to].paused;
    if (answers) return establish(attempt, to);
    const MonoTime end = attempt.started + attempt.dial.timeout;
    if (scheduler_.now() >= end) return fail_dial(attempt, {}, DialFailure::kUnreachable);
    scheduler_.after(milliseconds(200), [this, attempt, to] { handshake(attempt, to); });
}

void Network::establish(const Attempt& attempt, std::uint32_t to) {
    const std::uint32_t from = attempt.from;
    if (!attempt.dial.expected.empty() && attempt.dial.expected != receiver_.name(to)) {
        fail_dial(attempt, {}, DialFailure::kRejected);
    }
    const auto there = connection_of_.find(pair(from, to));
    const auto back = connection_of_.find(pair(to, from));
    const bool whole = there != connection_of_.end() && back != connection_of_.end() &&
                       there->second == back->second;
    // Two dialled at once: the first one stays.
    if (whole) return receiver_.connected(from, to);
    for (const auto& old : {there, back}) {
        if (old == connection_of_.end()) continue;
        const ConnectionId id = old->second;
        connection_of_.erase(old);
        Connection& connection = connections_.at(id);
        for (End& end : connection.ends) {
            end.open = false;
            end.out.queue.clear();
        }
        collect(id);
    }
    const ConnectionId id = ++next_id_;
    Connection& connection = connections_[id];
    connection.ends[0].node = from;
    connection.ends[1].node = to;
    connection_of_[pair(from, to)] = id;
    connection_of_[pair(to, from)] = id;
    receiver_.connected(to, from);
    receiver_.connected(from, to);
}

}  // namespace vidai::sim
