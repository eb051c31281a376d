// SPDX-License-Identifier: Apache-2.0
// A model of TCP between processes on hosts, honest where it hurts: a lost segment is a delay of
// 200 ms and more, again and again until data and acknowledgement both get through, doubling where
// the stream is not thin or after six such, and holds up everything behind it (network_test.cc
// holds that against the kernel's, under the mesh's socket options); an unacknowledged connection
// is given up after its user timeout, by one end only; the other end is half open until it speaks.
// A process that ends closes its connections and refuses dials, a machine that vanishes does
// neither. A link of finite rate makes packets wait behind those before them. Packets are values:
// sealing and packing only count as bytes. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mesh/membership/membership.h"
#include "schema/base/rng.h"
#include "tests/sim/packet.h"
#include "tests/sim/plan.h"
#include "tests/sim/scheduler.h"

namespace vidai::sim {

// Who hears what arrives. `life` says which process of the node it was meant for.
class Receiver {
  public:
    virtual ~Receiver() = default;
    virtual void connected(std::uint32_t node, std::uint32_t peer) = 0;
    virtual void disconnected(std::uint32_t node, std::uint32_t peer,
                              mesh::membership::LinkEnd end) = 0;
    virtual void dial_failed(std::uint32_t node, const mesh::membership::Dial& dial,
                             mesh::membership::DialFailure failure) = 0;
    virtual void arrived(std::uint32_t node, std::uint32_t peer, const Packet& packet) = 0;
    // Who has `address` now: a node, or none. A seed's name means any running node that `from` is
    // not connected to, or `from` itself where there is none.
    virtual std::optional<std::uint32_t> owner(std::uint32_t from, const std::string& address) = 0;
    virtual const NodeId& name(std::uint32_t node) const = 0;
};

class Network {
  public:
    Network(Scheduler& scheduler, Receiver& receiver, const LinkQuality& quality,
            std::uint32_t nodes, std::uint64_t seed);

    void start(std::uint32_t node);              // a process listens
    void stop(std::uint32_t node, bool silent);  // it ends; silent: its machine with it
    void pause(std::uint32_t node, bool on) { hosts_[node].paused = on; }
    // Counted, so that overlapping partitions each end on their own.
    void block(std::uint32_t from, std::uint32_t to, bool on);
    void set_loss(double share) { quality_.loss = share; }
    void heal();  // no loss, no tails, no rate, nothing blocked

    void close(std::uint32_t from, std::uint32_t to);  // by `from`: the other side sees its FIN
    // What sits between them resets their connection, if there is one.
    void reset(std::uint32_t a, std::uint32_t b);

    void send(std::uint32_t from, std::uint32_t to, Packet packet);
    void dial(std::uint32_t from, const mesh::membership::Dial& dial);

    bool connected(std::uint32_t from, std::uint32_t to) const {
        return connection_of_[pair(from, to)] != 0;
    }
    std::uint64_t messages() const { return messages_; }
    std::uint64_t bytes() const { return bytes_; }  // sent, by all
    // The most that one node sent in any one of the seconds so far.
    std::uint64_t bytes_per_second_max() const { return bytes_per_second_max_; }

  private:
    struct Segment {
        bool fin = false;
        Packet packet;
    };
    struct Stream {
        std::vector<Segment> queue;  // in order; empty unless stalled
        bool stalled = false;
        bool unheard = false;       // what went out last arrived, and its acknowledgement did not
        std::uint32_t retries = 0;  // the retransmission that is due; older timers are stale
        std::uint32_t tries = 0;    // in vain, in a row; the second follows a tail loss probe
        bool thin = false;          // few segments were out when its first timeout came
        Duration first_rto{};
        Duration rto{};
        MonoTime last_sent{};
        Duration pause{};  // before that
        MonoTime last_arrival{};
        MonoTime free_at{};  // of a link with a rate: when the bytes before are through
        std::optional<MonoTime> unacked_since;
    };
    struct End {
        std::uint32_t node = 0;
        bool open = true;
        Stream out;
    };
    struct Connection {
        End ends[2];
        std::uint32_t number = 0;  // changes when the slot is used again
    };
    struct Host {
        bool up = true;          // answers at all
        bool listening = false;  // a process is there
        bool paused = false;
        std::uint32_t life = 0;
        std::int64_t second = 0;  // in which
        std::uint64_t bytes = 0;  // so many were sent
    };
    // Slot and number in one, so that a closed connection's id finds nothing.
    using ConnectionId = std::uint64_t;

    std::size_t pair(std::uint32_t from, std::uint32_t to) const {
        return static_cast<std::size_t>(from) * hosts_.size() + to;
    }
    ConnectionId id_of(std::uint32_t slot) const {
        return (static_cast<ConnectionId>(connections_[slot].number) << 32) | slot;
    }
    ConnectionId add(std::uint32_t from, std::uint32_t to);
    // The slot of `node`'s connection to `peer`; nothing when it has none.
    std::optional<std::uint32_t> slot_of(std::uint32_t node, std::uint32_t peer) const;
    void count(std::uint32_t node, std::size_t bytes);
    bool path(std::uint32_t from, std::uint32_t to) const;
    bool passes(std::uint32_t from, std::uint32_t to);  // path, and the dice say not lost
    Duration delay();

    void transmit(ConnectionId id, int side);
    std::size_t emit(ConnectionId id, int side, std::size_t first);
    Duration first_rto(const Stream& out);
    void stall(ConnectionId id, int side);
    void acknowledge(ConnectionId id, int side);
    void retry(ConnectionId id, int side, std::uint32_t turn);
    void watch_acks(ConnectionId id, int side);
    void give_up(ConnectionId id, int side);
    MonoTime arrival(Stream& out, const Segment& segment);
    void arrive(ConnectionId id, int side, Segment segment);
    void close_end(ConnectionId id, int side, mesh::membership::LinkEnd why);
    void collect(ConnectionId id);
    Connection* find(ConnectionId id);

    struct Attempt {
        std::uint32_t from;
        std::uint32_t life;
        mesh::membership::Dial dial;
        MonoTime started;
        Duration wait;  // until the next SYN
    };
    void syn(Attempt attempt);
    void handshake(Attempt attempt, std::uint32_t to);
    void fail_dial(const Attempt& attempt, Duration in, mesh::membership::DialFailure failure);
    void establish(const Attempt& attempt, std::uint32_t to);

    Scheduler& scheduler_;
    Receiver& receiver_;
    LinkQuality quality_;
    Rng rng_;
    std::vector<Host> hosts_;
    std::vector<std::uint32_t> blocked_;        // by pair
    std::vector<std::uint32_t> connection_of_;  // by pair, as `from` sees it: 1 + slot, or 0
    std::vector<Connection> connections_;
    std::vector<std::uint32_t> free_;  // slots
    std::uint64_t bytes_ = 0;
    std::uint64_t bytes_per_second_max_ = 0;
    std::uint64_t messages_ = 0;
};

}  // namespace vidai::sim
