// SPDX-License-Identifier: Apache-2.0
// Tier 2: whole nodes' mesh threads, with capnproto, seals, certificates, exchange and state files
// as they ship, on a simulated network in virtual time, among strangers and with operators at work.
// What tier 1 models, this runs; what it leaves out is the system below: sockets, threads, names.
// One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/tier2/fabric.h"
#include "tests/sim/tier2/forger.h"
#include "tests/sim/tier2/node.h"
#include "tests/sim/tier2/operators.h"
#include "tests/sim/tier2/story.h"
#include "tests/sim/tier2/strangers.h"
#include "tests/sim/tier2/system_random.h"
#include "tests/sim/tier2/virtual_time.h"
#include "tests/sim/tier2/watch.h"
#include "tests/sim/world.h"

namespace vidai::sim {

class MeshWorld {
  public:
    // Everything follows from `story`; `folder`, which must not be there, is made and removed.
    MeshWorld(Story story, std::string folder, bool verbose);
    ~MeshWorld() noexcept(false);
    MeshWorld(const MeshWorld&) = delete;
    MeshWorld& operator=(const MeshWorld&) = delete;

    // The mesh forms, the story happens, all is healed: it must agree again.
    Outcome run();

  private:
    void make_nodes();
    void make_mesh();
    void start(SimNode& node);
    void stop(SimNode& node);
    void crash(SimNode& node, bool wipe);
    void relocate(SimNode& node, Host host);
    void begin(const Event& event);
    void begin_fault(const Event& event, SimNode& node);
    void end(const Event& event);
    void operate(const Event& event, SimNode& node);
    void play();
    void run_for(Duration span);
    bool is_shadow(const mesh::Member& member) const;
    bool agreed(std::string& why) const;
    bool agrees_within(Duration limit, const char* rule);
    void check_dead(const Event& event);
    void check_the_end();
    std::set<Host> hosts() const;
    Host fresh_host();
    void tell(const std::string& what);
    void violated(const char* rule, std::string detail, bool liveness);

    const Story story_;
    const std::string folder_;
    const bool verbose_;
    Rng rng_;
    VirtualTime time_;
    const VirtualClock true_clock_;
    Fabric fabric_;
    SeededRandom random_;
    const SystemRandom system_random_;
    std::vector<SimNode> nodes_;
    std::size_t moves_ = 0;
    Outcome outcome_;
    std::unique_ptr<Forger> forger_;
    std::unique_ptr<Watch> watch_;
    std::unique_ptr<Strangers> strangers_;
    std::unique_ptr<Operators> operators_;
};

Outcome run_mesh(const Story& story, bool verbose);

}  // namespace vidai::sim
