// SPDX-License-Identifier: Apache-2.0
// Tier 2: whole nodes' mesh threads, with capnproto, seals, certificates, exchange and state files
// as they ship, on a simulated network in virtual time. What tier 1 models, this runs; what it
// leaves out is the system below: sockets, threads, names. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mesh/rpc/mesh_thread.h"
#include "tests/sim/tier2/fabric.h"
#include "tests/sim/tier2/virtual_time.h"
#include "tests/sim/world.h"

namespace vidai::sim {

class MeshWorld {
  public:
    // Everything follows from `seed`; `folder`, which must not be there, is made and removed.
    MeshWorld(std::uint64_t seed, std::uint32_t nodes, std::string folder, bool verbose);
    ~MeshWorld();
    MeshWorld(const MeshWorld&) = delete;
    MeshWorld& operator=(const MeshWorld&) = delete;

    // The mesh forms, faults happen, all is healed: it must agree again.
    Outcome run();

  private:
    enum class Kind : std::uint8_t {
        kCrash,      // SIGKILL; back on the same volume
        kWipe,       // the same, and the volume is lost
        kPowerLoss,  // the host says nothing any more, not even that a port is closed
        kPartition,  // from all others, both ways
        kOneWay,     // what it sends is lost
        kReset,      // its connections end in mid-message
        kMute,       // its port accepts and is silent
        kSlow,       // all it sends is late
        kCount
    };
    struct Fault {
        Duration at, lasts;
        Kind kind;
        std::size_t node;
    };
    struct Node {
        std::string id, path;
        Host host;
        std::shared_ptr<const VirtualClock> clock;
        std::optional<mesh::rpc::Startup> startup;
        std::unique_ptr<mesh::rpc::Shared> shared;
        mesh::NoticeSink sink;
        kj::Own<kj::Network> network;
        std::unique_ptr<mesh::rpc::MeshThread> thread;
    };

    void make_mesh();
    void draw_faults();
    void start(Node& node);
    void crash(Node& node, bool wipe);
    void begin(const Fault& fault);
    void end(const Fault& fault);
    void play_faults();
    bool agreed(std::string& why) const;
    bool agrees_within(Duration limit, const char* rule);
    void check_dead(const Fault& fault);
    void tell(const std::string& what);
    void violated(const char* rule, std::string detail, bool liveness);

    const std::string folder_;
    const bool verbose_;
    Rng rng_;
    VirtualTime time_;
    Fabric fabric_;
    SeededRandom random_;
    std::vector<Node> nodes_;
    std::vector<Fault> faults_;
    Outcome outcome_;
};

// `nodes` 0: as the seed has it.
Outcome run_mesh(std::uint64_t seed, std::uint32_t nodes, bool verbose);

}  // namespace vidai::sim
