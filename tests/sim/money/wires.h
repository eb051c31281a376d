// SPDX-License-Identifier: Apache-2.0
// Wires: the paths between the nodes of a money story, and the connections over them. Of what is
// said on a connection any message may be lost, come twice, late, and in another order, even when
// its connection has ended meanwhile; but for Hello, with which a connection begins: one that is
// lost ends it. A path that is cut is noticed after a while, by each side in its own time.
// One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mesh/budget/message.h"
#include "schema/base/rng.h"
#include "tests/sim/money/story.h"
#include "tests/sim/scheduler.h"

namespace vidai::sim {

class Wires {
  public:
    class Ends {
      public:
        virtual ~Ends() = default;
        virtual bool running(std::size_t node) const = 0;
        virtual mesh::budget::LedgerKey key(std::size_t node) const = 0;
        virtual void connected(std::size_t node, std::size_t peer) = 0;  // says Hello
        virtual void disconnected(std::size_t node, const mesh::budget::LedgerKey& peer) = 0;
        virtual void arrived(std::size_t node, const mesh::budget::LedgerKey& from,
                             const mesh::budget::Message& message) = 0;
    };
    Wires(const MoneyStory& story, Scheduler& scheduler, Ends& ends);

    void send(std::size_t from, std::size_t to, mesh::budget::Message message);
    // A process ends: the others see that at once, or, its machine being gone, after a while.
    void stop(std::size_t node, bool silent);
    void block(std::size_t from, std::size_t to, bool on);  // counted
    void set_loss(double share) { loss_ = share; }
    void set_slow(Duration by) { slow_ = by; }
    void heal();
    bool linked(std::size_t from, std::size_t to) const { return at(from, to).up; }
    std::uint64_t trace() const { return trace_; }

  private:
    struct Way {  // one direction
        bool up = false;
        bool broken = false;  // a Hello was lost
        int blocked = 0;
        std::uint32_t epoch = 0;
        MonoTime since{};       // it has been blocked
        MonoTime last_hello{};  // arrives
        mesh::budget::LedgerKey peer;
    };
    Way& at(std::size_t from, std::size_t to) { return ways_[from * nodes_ + to]; }
    const Way& at(std::size_t from, std::size_t to) const { return ways_[from * nodes_ + to]; }
    void look();  // after all connections, again and again
    void look(std::size_t a, std::size_t b);
    void drop(std::size_t a, std::size_t b);
    void deliver(std::size_t from, std::size_t to, MonoTime when, mesh::budget::Message message);

    const std::size_t nodes_;
    const MoneyStory& story_;
    Scheduler& scheduler_;
    Ends& ends_;
    Rng rng_;
    double loss_, duplicates_, late_;
    Duration slow_{};
    std::vector<Way> ways_;
    std::uint64_t trace_ = 0xcbf29ce484222325;
};

}  // namespace vidai::sim
