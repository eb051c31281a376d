// SPDX-License-Identifier: Apache-2.0
// A model of TCP between processes on hosts, honest where it hurts: a lost segment is a delay that
// doubles from 200 ms and holds up everything behind it; an unacknowledged connection is given up
// after its user timeout, by one end only; the other end is half open until it speaks. A process
// that ends closes its connections and refuses dials, a machine that vanishes does neither.
// Sealing and packing are not modelled: messages are values. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mesh/membership/membership.h"
#include "schema/base/rng.h"
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
    virtual void arrived(std::uint32_t node, std::uint32_t peer,
                         const mesh::membership::Message& message) = 0;
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
    void heal();  // no loss, no tails, nothing blocked

    void send(std::uint32_t from, std::uint32_t to, mesh::membership::Message message);
    void dial(std::uint32_t from, const mesh::membership::Dial& dial);

    bool connected(std::uint32_t from, std::uint32_t to) const {
        return connection_of_.contains(pair(from, to));
    }
    std::uint64_t messages() const { return messages_; }

  private:
    struct Segment {
        bool fin = false;
        mesh::membership::Message message;
    };
    struct Stream {
        std::deque<Segment> queue;
        bool stalled = false;
        Duration rto{};
        MonoTime last_arrival{};
        std::optional<MonoTime> unacked_since;
    };
    struct End {
        std::uint32_t node = 0;
        bool open = true;
        Stream out;
    };
    struct Connection {
        End ends[2];
    };
    struct Host {
        bool up = true;          // answers at all
        bool listening = false;  // a process is there
        bool paused = false;
        std::uint32_t life = 0;
    };
    using ConnectionId = std::uint64_t;

    std::uint64_t pair(std::uint32_t from, std::uint32_t to) const {
        return static_cast<std::uint64_t>(from) * hosts_.size() + to;
    }
    bool path(std::uint32_t from, std::uint32_t to) const;
    bool passes(std::uint32_t from, std::uint32_t to);  // path, and the dice say not lost
    Duration delay();

    void transmit(ConnectionId id, int side);
    void retry(ConnectionId id, int side);
    void watch_acks(ConnectionId id, int side);
    void give_up(ConnectionId id, int side);
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
    std::vector<std::uint32_t> blocked_;                   // by pair
    std::map<std::uint64_t, ConnectionId> connection_of_;  // by pair: as `from` sees it
    std::map<ConnectionId, Connection> connections_;
    ConnectionId next_id_ = 0;
    std::uint64_t messages_ = 0;
};

}  // namespace vidai::sim
