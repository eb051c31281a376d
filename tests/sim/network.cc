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

constexpr std::size_t kSegmentBytes = 1448;
constexpr Duration kFirstRto = milliseconds(200);
// As a thin stream is resent (mesh/transport/handshaking.cc, tune()): the tail loss probe, the
// first timeout and six of its length, before it doubles.
constexpr std::uint32_t kLinearTries = 8;
constexpr std::size_t kThinBelow = 4;  // segments that are out
// How much longer a timeout may be for each share that is lost, where messages are few.
constexpr Duration kDoubt = milliseconds(430);
constexpr Duration kFirstSyn = std::chrono::seconds(1);
// M1 and M3 of the dialler, M2 of who answers, each as long as it may be (mesh/seal/handshake.h).
constexpr std::size_t kHandshakeMessage = 1024;

}  // namespace

Network::Network(Scheduler& scheduler, Receiver& receiver, const LinkQuality& quality,
                 std::uint32_t nodes, std::uint64_t seed)
    : scheduler_(scheduler),
      receiver_(receiver),
      quality_(quality),
      rng_(seed),
      hosts_(nodes),
      blocked_(static_cast<std::size_t>(nodes) * nodes),
      connection_of_(static_cast<std::size_t>(nodes) * nodes) {}

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
    for (std::uint32_t peer = 0; peer < hosts_.size(); ++peer) {
        const auto slot = slot_of(node, peer);
        if (!slot) continue;
        Connection& connection = connections_[*slot];
        const int side = connection.ends[0].node == node ? 0 : 1;
        End& end = connection.ends[side];
        end.open = false;
        end.out.queue.clear();
        connection_of_[pair(node, peer)] = 0;
        if (silent) continue;
        end.out.queue.push_back({.fin = true, .packet = {}});
        if (!end.out.stalled) transmit(id_of(*slot), side);
    }
}

void Network::reset(std::uint32_t a, std::uint32_t b) {
    const auto here = slot_of(a, b);
    const auto there = slot_of(b, a);
    if (here)
        close_end(id_of(*here), connections_[*here].ends[0].node == a ? 0 : 1, LinkEnd::kClosed);
    if (there)
        close_end(id_of(*there), connections_[*there].ends[0].node == b ? 0 : 1, LinkEnd::kClosed);
}

void Network::close(std::uint32_t from, std::uint32_t to) {
    const auto slot = slot_of(from, to);
    if (!slot) return;
    const int side = connections_[*slot].ends[0].node == from ? 0 : 1;
    scheduler_.after({}, [this, id = id_of(*slot), side, from, to] {
        Connection* connection = find(id);
        if (connection == nullptr || !connection->ends[side].open) return;
        End& end = connection->ends[side];
        end.open = false;
        const bool current = slot_of(from, to) == static_cast<std::uint32_t>(id);
        if (current) connection_of_[pair(from, to)] = 0;
        end.out.queue.push_back({.fin = true, .packet = {}});
        if (!end.out.stalled) transmit(id, side);
        collect(id);
        if (current) receiver_.disconnected(from, to, LinkEnd::kLocal);
    });
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
    quality_.bytes_per_second = 0;
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
    Connection& connection = connections_[static_cast<std::uint32_t>(id)];
    return connection.number == id >> 32 ? &connection : nullptr;
}

std::optional<std::uint32_t> Network::slot_of(std::uint32_t node, std::uint32_t peer) const {
    const std::uint32_t known = connection_of_[pair(node, peer)];
    return known == 0 ? std::nullopt : std::optional(known - 1);
}

Network::ConnectionId Network::add(std::uint32_t from, std::uint32_t to) {
    std::uint32_t slot = static_cast<std::uint32_t>(connections_.size());
    if (free_.empty()) {
        connections_.emplace_back().number = 1;
    } else {
        slot = free_.back();
        free_.pop_back();
    }
    for (int side = 0; side < 2; ++side) {
        connections_[slot].ends[side] = {.node = side == 0 ? from : to, .open = true, .out = {}};
    }
    connection_of_[pair(from, to)] = connection_of_[pair(to, from)] = slot + 1;
    return id_of(slot);
}

void Network::count(std::uint32_t node, std::size_t bytes) {
    Host& host = hosts_[node];
    const std::int64_t second = scheduler_.now().time_since_epoch() / std::chrono::seconds(1);
    if (second != host.second) host.bytes = 0;
    host.second = second;
    host.bytes += bytes;
    bytes_ += bytes;
    bytes_per_second_max_ = std::max(bytes_per_second_max_, host.bytes);
}

void Network::send(std::uint32_t from, std::uint32_t to, Packet packet) {
    const auto slot = slot_of(from, to);
    if (!slot) return;
    Connection& connection = connections_[*slot];
    const int side = connection.ends[0].node == from ? 0 : 1;
    Stream& out = connection.ends[side].out;
    count(from, wire_bytes(packet));
    out.pause = scheduler_.now() - std::exchange(out.last_sent, scheduler_.now());
    out.queue.push_back({.fin = false, .packet = std::move(packet)});
    // What follows a first loss and gets through tells of it, sooner than any timer.
    const bool told = out.stalled && out.tries == 1 && passes(from, to) && passes(to, from);
    if (told) ++out.retries;
    if (!out.stalled || told) transmit(id_of(*slot), side);
}

MonoTime Network::arrival(Stream& out, const Segment& segment) {
    MonoTime sent = scheduler_.now();
    if (quality_.bytes_per_second > 0 && !segment.fin) {
        const auto bytes = static_cast<std::int64_t>(wire_bytes(segment.packet));
        sent =
            std::max(sent, out.free_at) +
            Duration(bytes * 1'000'000'000 / static_cast<std::int64_t>(quality_.bytes_per_second));
        out.free_at = sent;
    }
    out.last_arrival = std::max(sent + delay(), out.last_arrival + std::chrono::microseconds(1));
    return out.last_arrival;
}

// One segment's worth of what waits, from `first` on; the end of it.
std::size_t Network::emit(ConnectionId id, int side, std::size_t first) {
    Stream& out = connections_[static_cast<std::uint32_t>(id)].ends[side].out;
    std::size_t bytes = 0;
    std::size_t next = first;
    for (; next < out.queue.size(); ++next) {
        Segment& segment = out.queue[next];
        bytes += segment.fin ? 0 : wire_bytes(segment.packet);
        if (next > first && bytes > kSegmentBytes) break;
        const MonoTime when = arrival(out, segment);
        scheduler_.at(when, [this, id, side, moved = std::move(segment)]() mutable {
            arrive(id, side, std::move(moved));
        });
    }
    return next;
}

// Of the window that a lost segment leaves, one segment goes out at a time and the next waits for
// its acknowledgement: while a stream recovers, both ways have to work.
void Network::transmit(ConnectionId id, int side) {
    Connection& connection = connections_[static_cast<std::uint32_t>(id)];
    Stream& out = connection.ends[side].out;
    const std::uint32_t from = connection.ends[side].node;
    const std::uint32_t to = connection.ends[1 - side].node;
    const bool one_at_a_time = std::exchange(out.stalled, false) && out.tries > 1;
    std::size_t sent = 0;
    if (out.unheard) {
        if (!passes(from, to)) return stall(id, side);
        acknowledge(id, 1 - side);
        if (!passes(to, from)) return stall(id, side);
        out.unheard = false;
    }
    while (sent < out.queue.size() && !out.stalled) {
        if (!passes(from, to)) {
            out.stalled = true;
            break;
        }
        const bool first = sent == 0;
        sent = emit(id, side, sent);
        out.unheard = out.stalled = one_at_a_time && first && !passes(to, from);
    }
    out.queue.erase(out.queue.begin(), out.queue.begin() + static_cast<std::ptrdiff_t>(sent));
    if (sent > 0 && !out.unheard) {
        out.tries = 0;
        if (path(to, from)) out.unacked_since.reset();
    }
    if (out.stalled) return stall(id, side);
    out.tries = 0;
    if (path(to, from)) {
        out.unacked_since.reset();
    } else if (!out.unacked_since) {
        // It arrives, but nobody tells us so.
        out.unacked_since = scheduler_.now();
        watch_acks(id, side);
    }
}

// A lost acknowledgement, made good by that of the next message, looks like a long round trip: the
// kernel doubts its timers the more, the rarer there is something to say.
Duration Network::first_rto(const Stream& out) {
    if (quality_.loss == 0) return kFirstRto;
    const Duration pause = std::clamp<Duration>(out.pause, milliseconds(50), milliseconds(250));
    const double doubt = quality_.loss * static_cast<double>(kDoubt.count()) *
                         static_cast<double>((pause - milliseconds(50)) / milliseconds(1)) / 200;
    const Duration step(static_cast<std::int64_t>(doubt));
    Duration rto = kFirstRto + Duration(rng_.below(static_cast<std::uint64_t>(step.count())));
    for (int i = 0; i < 8 && rng_.chance(0.5); ++i) rto += step;
    return rto;
}

void Network::stall(ConnectionId id, int side) {
    Stream& out = connections_[static_cast<std::uint32_t>(id)].ends[side].out;
    out.stalled = true;
    ++out.tries;
    if (out.tries == 1) out.first_rto = first_rto(out);
    // What is said meanwhile stays behind: after a timeout one segment goes out at a time.
    if (out.tries == 2) out.thin = out.queue.size() < kThinBelow;
    const bool linear = out.tries <= (out.thin ? kLinearTries : 2U);
    out.rto = std::min(linear ? out.first_rto : 2 * out.rto, quality_.rto_max);
    if (!out.unacked_since) out.unacked_since = scheduler_.now();
    scheduler_.after(out.rto, [this, id, side, turn = ++out.retries] { retry(id, side, turn); });
}

// What comes the other way says what has arrived.
void Network::acknowledge(ConnectionId id, int side) {
    Stream& out = connections_[static_cast<std::uint32_t>(id)].ends[side].out;
    if (!std::exchange(out.unheard, false)) return;
    out.stalled = false;
    out.tries = 0;
    ++out.retries;
    transmit(id, side);
}

void Network::retry(ConnectionId id, int side, std::uint32_t turn) {
    Connection* connection = find(id);
    if (connection == nullptr) return;
    End& end = connection->ends[side];
    if (!hosts_[end.node].up || turn != end.out.retries) return;
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
    End& end = find(id)->ends[side];
    end.out.queue.clear();
    if (end.open) return close_end(id, side, LinkEnd::kTimeout);
    collect(id);
}

void Network::close_end(ConnectionId id, int side, LinkEnd why) {
    Connection& connection = *find(id);
    End& end = connection.ends[side];
    const std::uint32_t peer = connection.ends[1 - side].node;
    const std::uint32_t node = end.node;
    const bool was_open = std::exchange(end.open, false);
    end.out.queue.clear();
    const bool current = slot_of(node, peer) == static_cast<std::uint32_t>(id);
    if (current) connection_of_[pair(node, peer)] = 0;
    collect(id);
    // A connection that another has replaced ends unnoticed.
    if (was_open && current) receiver_.disconnected(node, peer, why);
}

void Network::collect(ConnectionId id) {
    Connection& connection = *find(id);
    const auto done = [](const End& end) { return !end.open && end.out.queue.empty(); };
    if (!done(connection.ends[0]) || !done(connection.ends[1])) return;
    ++connection.number;
    free_.push_back(static_cast<std::uint32_t>(id));
}

void Network::arrive(ConnectionId id, int side, Segment segment) {
    Connection* connection = find(id);
    if (connection == nullptr) return;
    const std::uint32_t from = connection->ends[side].node;
    const std::uint32_t to = connection->ends[1 - side].node;
    if (!hosts_[to].up) return;
    if (!connection->ends[1 - side].open) {
        // Nobody here knows this connection: a reset, if it finds its way back. It overtakes
        // nothing that was said before.
        if (!connection->ends[side].open) return collect(id);
        if (!path(to, from)) return;
        const MonoTime said = connection->ends[1 - side].out.last_arrival;
        scheduler_.at(std::max(scheduler_.now() + delay(), said), [this, id, side] {
            if (find(id) != nullptr) close_end(id, side, LinkEnd::kClosed);
        });
        return;
    }
    if (segment.fin) return close_end(id, 1 - side, LinkEnd::kClosed);
    acknowledge(id, 1 - side);
    ++messages_;
    if (rng_.chance(quality_.duplicate)) {
        const std::uint32_t life = hosts_[to].life;
        scheduler_.after(20 * delay(), [this, from, to, life, again = segment.packet] {
            if (hosts_[to].life == life) receiver_.arrived(to, from, again);
        });
    }
    receiver_.arrived(to, from, segment.packet);
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
    const NodeId& answers = receiver_.name(to);
    const bool itself = answers == receiver_.name(from);  // as its certificate says
    if (itself || (!attempt.dial.expected.empty() && attempt.dial.expected != answers)) {
        return fail_dial(attempt, {}, DialFailure::kRejected);
    }
    const auto there = slot_of(from, to);
    const auto back = slot_of(to, from);
    // Two dialled at once: the first one stays.
    if (there && there == back) return receiver_.connected(from, to);
    connection_of_[pair(from, to)] = connection_of_[pair(to, from)] = 0;
    for (const auto& old : {there, back}) {
        if (!old) continue;
        for (End& end : connections_[*old].ends) {
            end.open = false;
            end.out.queue.clear();
        }
        collect(id_of(*old));
    }
    add(from, to);
    count(from, 2 * kHandshakeMessage);
    count(to, kHandshakeMessage);
    receiver_.connected(to, from);
    receiver_.connected(from, to);
}

}  // namespace vidai::sim
