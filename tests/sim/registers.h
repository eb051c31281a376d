// SPDX-License-Identifier: Apache-2.0
// Signed registers in the world: each node's real RegisterSet and clock, keys written and revoked
// on any of them at any time, operators' statements that end within the run. A keyed hash stands in
// for signatures. Rules:
//  - the newest that was heard is held, and what was retired stays retired;
//  - a statement is held until it is over, and by nobody long after (I12);
//  - a node holds no more than was ever written, and sends no more than a few times that a second;
//  - merging all that was ever written, in any order and grouping, repeated, gives the same (I15);
//    after healing all hold the same.
// One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "mesh/state/register_relay.h"
#include "mesh/state/register_set.h"
#include "schema/base/rng.h"
#include "tests/sim/world.h"

namespace vidai::sim {

class Registers final : public Service {
  public:
    Registers(World& world, const Plan& plan);

    void on_start(std::uint32_t node) override;
    void on_stop(std::uint32_t) override {}
    void on_connected(std::uint32_t node, std::uint32_t peer) override;
    void on_disconnected(std::uint32_t node, std::uint32_t peer) override;
    void on_packet(std::uint32_t node, std::uint32_t peer, const Packet& packet) override;
    void on_forge(std::uint32_t, std::uint32_t, std::uint32_t) override {}
    void on_leave(std::uint32_t) override {}
    std::string disagreement() const override;
    void finish() override;

  private:
    using Register = mesh::state::Register;
    using Name = mesh::state::RegisterName;
    struct Node {
        mesh::state::RegisterSet set;
        mesh::state::HlcClock clock;
        std::unique_ptr<mesh::state::RegisterRelay> relay;
        std::vector<Register> volume;                  // as last saved
        std::uint64_t serial = 0;                      // of the certificate that it is beside
        std::set<Name> retired;                        // seen, in this process
        std::map<std::uint32_t, std::uint64_t> pulls;  // under way, by peer
        std::uint32_t next_peer = 0;
        std::uint32_t ticks = 0;
        std::int64_t second = 0;
        std::size_t bytes = 0;  // sent in it
    };
    void write_something();
    mesh::state::Statement draw(std::uint32_t node);
    void tick(std::uint32_t node);
    bool take(std::uint32_t node, Register told);  // true: it was news
    void pass_on(std::uint32_t node, std::uint32_t from, Register told, bool found);
    void collect(std::uint32_t node);
    void pull(std::uint32_t node, std::uint32_t peer, mesh::state::Cursor from);
    void send(std::uint32_t node, std::uint32_t peer, Packet packet);
    WallTime until_of(const mesh::state::Statement& said) const;  // of an operator's
    bool is_ending(const Name& name) const;
    std::map<Name, std::uint64_t> settled(std::uint32_t node) const;

    World& world_;
    Rng rng_;
    std::vector<Node> nodes_;
    std::vector<Register> written_;
    std::set<Name> names_;
    std::size_t bytes_written_ = 0;
    std::uint64_t token_ = 0;
    std::uint64_t statements_ = 0;
};

}  // namespace vidai::sim
