// SPDX-License-Identifier: Apache-2.0
// What runs in each node's process beside membership: soft counters now, hard budgets later. A
// service sees the world's faults as its real counterpart would (its process starts and ends, its
// connections come and go, its packets arrive) and brings the rules that it must keep. One thread.
#pragma once

#include <cstdint>
#include <string>

#include "tests/sim/packet.h"

namespace vidai::sim {

class Service {
  public:
    virtual ~Service() = default;
    virtual void on_start(std::uint32_t node) = 0;
    virtual void on_stop(std::uint32_t node) = 0;
    virtual void on_connected(std::uint32_t node, std::uint32_t peer) = 0;
    virtual void on_disconnected(std::uint32_t node, std::uint32_t peer) = 0;
    virtual void on_packet(std::uint32_t node, std::uint32_t peer, const Packet& packet) = 0;
    // `liar`, which has a good certificate, tells `node` what `about` never said.
    virtual void on_forge(std::uint32_t node, std::uint32_t liar, std::uint32_t about) = 0;
    // The farewell is about to be said.
    virtual void on_leave(std::uint32_t node) = 0;
    // What is still missing for all nodes to agree with the truth; empty when nothing is.
    virtual std::string disagreement() const = 0;
    // The run is over: rules about the whole of it.
    virtual void finish() = 0;
};

}  // namespace vidai::sim
