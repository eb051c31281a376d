// SPDX-License-Identifier: Apache-2.0
// Real membership cores on the model network, in virtual time. A world is built from a seed and
// nothing else, so one seed is one history, down to its trace hash. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mesh/membership/membership.h"
#include "schema/base/rng.h"
#include "tests/sim/network.h"
#include "tests/sim/plan.h"
#include "tests/sim/scheduler.h"

namespace vidai::sim {

// What went wrong. Empty rule: nothing.
struct Violation {
    std::string rule;    // "version-monotone", "convergence", ...
    std::string detail;  // who, what, when
    bool liveness = false;
};

class World : private Receiver {
  public:
    struct Node {
        NodeId name;
        std::string address;
        std::unique_ptr<mesh::membership::Membership> core;  // while its process runs
        bool paused = false;
        bool left = false;     // said goodbye in its last life
        bool started = false;  // ever
        std::uint32_t life = 0;
        std::uint64_t generation = 0;
        std::uint64_t serial = 1;
        std::vector<mesh::membership::ClaimRef> volume;     // roster on disk
        std::deque<std::move_only_function<void()>> inbox;  // while paused
        std::uint32_t timers_pending = 0;
        std::vector<mesh::membership::Version> seen;  // newest heard of each node, in this life
        mesh::membership::Version newest;             // that it ever signed
    };
    // Sees every event of every core, with the node that it happened at.
    using Watcher = std::function<void(std::uint32_t node, const mesh::membership::Event& event)>;

    World(const Plan& plan, const mesh::membership::Options& options);
    ~World() override;

    // Faults.
    void start(std::uint32_t node);
    void stop(std::uint32_t node, bool silent);
    void pause(std::uint32_t node, bool on);
    void leave(std::uint32_t node);
    void readdress(std::uint32_t node);                         // before start(): a fresh address
    bool take_address(std::uint32_t node, std::uint32_t from);  // of a node that does not run
    void wipe(std::uint32_t node);                              // before start(): an empty volume
    void block(std::uint32_t from, std::uint32_t to, bool on) { network_.block(from, to, on); }
    void heal();
    void set_address(std::uint32_t node, std::string address);

    // Runs up to `until`, or until a rule is broken.
    void run(MonoTime until);
    // What is still missing for everybody to agree with the truth; empty when nothing is.
    std::string disagreement() const;
    bool everybody_says(std::uint32_t about, mesh::membership::Status status) const;

    Scheduler& scheduler() { return scheduler_; }
    MonoTime now() const { return scheduler_.now(); }
    const Node& node(std::uint32_t index) const { return nodes_[index]; }
    std::uint32_t size() const { return static_cast<std::uint32_t>(nodes_.size()); }
    bool running(std::uint32_t index) const { return nodes_[index].core != nullptr; }
    const Violation& violation() const { return violation_; }
    void violate(std::string rule, std::string detail, bool liveness = false);
    void watch(Watcher watcher) { watcher_ = std::move(watcher); }
    void remember(const std::string& line);
    const std::deque<std::string>& history() const { return history_; }
    std::uint64_t trace_hash() const { return hash_; }
    std::uint64_t messages() const { return network_.messages(); }

  private:
    using Input =
        std::move_only_function<void(mesh::membership::Membership&, mesh::membership::Effects&)>;
    void connected(std::uint32_t node, std::uint32_t peer) override;
    void disconnected(std::uint32_t node, std::uint32_t peer,
                      mesh::membership::LinkEnd end) override;
    void dial_failed(std::uint32_t node, const mesh::membership::Dial& dial,
                     mesh::membership::DialFailure failure) override;
    void arrived(std::uint32_t node, std::uint32_t peer,
                 const mesh::membership::Message& message) override;
    std::optional<std::uint32_t> owner(std::uint32_t from, const std::string& address) override;
    const NodeId& name(std::uint32_t node) const override { return nodes_[node].name; }

    void give(std::uint32_t node, bool timer, Input input);
    void step(std::uint32_t node, Input& input);
    void perform(std::uint32_t node, mesh::membership::Effect& effect);
    void told(std::uint32_t node, const mesh::membership::Event& event);
    void check(std::uint32_t node, std::size_t effects);
    void trace(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3; }
    std::optional<std::uint32_t> index_of(const NodeId& id) const;

    const Plan plan_;
    const mesh::membership::Options options_;
    Scheduler scheduler_;
    Rng rng_;
    std::vector<Node> nodes_;
    Network network_;
    std::uint32_t next_address_ = 0;
    mesh::membership::Effects effects_;
    Violation violation_;
    Watcher watcher_;
    std::deque<std::string> history_;
    std::uint64_t hash_ = 0xcbf29ce484222325;
};

// Starts all nodes, performs the plan's faults, heals and demands convergence.
struct Outcome {
    Violation violation;
    std::uint64_t trace_hash = 0;
    std::uint64_t steps = 0;
    Duration converged_after{};  // healing
    Duration simulated{};
    std::deque<std::string> history;
};
Outcome run_plan(const Plan& plan, const mesh::membership::Options& options, bool verbose = false);

}  // namespace vidai::sim
