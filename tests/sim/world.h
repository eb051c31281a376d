// SPDX-License-Identifier: Apache-2.0
// Real membership cores, and the services beside them, on the model network, in virtual time. A
// world is built from a plan and nothing else, so one seed is one history, down to its trace hash.
// One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mesh/membership/membership.h"
#include "schema/base/rng.h"
#include "tests/sim/network.h"
#include "tests/sim/plan.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/service.h"

namespace vidai::sim {

// What the program of that node says of itself, if it knows how to.
std::string profile_of(std::uint32_t node);

// What went wrong. Empty rule: nothing.
struct Violation {
    std::string rule;    // "version-monotone", "convergence", ...
    std::string detail;  // who, what, when
    bool liveness = false;
};

class World : private Receiver {
  public:
    // As issuers number certificates: a millisecond apart at least.
    static constexpr std::uint64_t kSerialStep = 1U << 16;
    using Life = std::pair<std::size_t, std::uint64_t>;  // which volume, and generation on it
    struct Volume {
        std::uint64_t generation = 0;
        std::size_t wipes = 0;  // before it
        std::vector<mesh::membership::ClaimRef> roster;
    };
    // A process of a node. Those from copies of a disk come behind the nodes, with a node's name.
    struct Node {
        NodeId name;
        std::uint32_t identity = 0;  // whose name and key it has: itself, as a rule
        bool doubled = false;        // its identity or its generation is another process's, too
        // Of a name that more than one process has, the one that this one is connected to.
        std::map<std::uint32_t, std::uint32_t> linked;
        std::string address;
        std::unique_ptr<mesh::membership::Membership> core;  // while its process runs
        bool paused = false;
        bool left = false;     // said goodbye in its last life
        bool started = false;  // ever
        std::uint32_t life = 0;
        bool old = false;  // of wire version 1: it knows no profiles, and drops them on the way
        std::uint64_t generation = 0;
        std::uint64_t serial = kSerialStep;
        std::uint64_t life_serial = kSerialStep;  // these its process began with
        std::uint64_t life_generation = 0;
        std::vector<std::uint64_t> volumes = {kSerialStep};  // the first serial of each
        std::vector<mesh::membership::ClaimRef> volume;      // roster on disk
        std::optional<Volume> copy;                          // of the disk, as it once was
        bool unwanted = false;                               // a clone whose time is over
        std::deque<std::move_only_function<void()>> inbox;   // while paused
        // Connections begun and ended that are in the inbox, by peer.
        std::map<std::uint32_t, std::uint32_t> unseen;
        std::uint32_t timers_pending = 0;
        std::vector<std::uint64_t> seen;  // newest heard of each node, in this life; checks.cc
        std::vector<std::optional<Life>> alive;  // the life of each that it was last told runs on
        mesh::membership::Version newest;        // that it, or anybody with its key, ever signed
        mesh::membership::Version said;          // that this volume knows it signed
        Duration clock{};                        // its wall clock's error
        std::uint32_t living = 0;   // members alive or suspect, itself included; 0: count again
        std::uint32_t checked = 0;  // whose turn it is to be looked at although nothing changed
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
    void reset(std::uint32_t a, std::uint32_t b) { network_.reset(a, b); }
    void set_loss(double share) { network_.set_loss(share); }
    void step_clock(std::uint32_t node, Duration by) { nodes_[node].clock += by; }
    void forge(std::uint32_t at, std::uint32_t about);  // a claim that `about` has not signed
    void renew(std::uint32_t node);                     // its certificate, while it runs
    void copy_disk(std::uint32_t node);
    void restore_disk(std::uint32_t node);         // before start(): as it was when it was copied
    std::uint32_t clone_disk(std::uint32_t node);  // the process that starts from it
    void end_clone(std::uint32_t process);
    void heal();
    void set_address(std::uint32_t node, std::string address);

    // Runs up to `until`, or until a rule is broken.
    void run(MonoTime until);
    void finish();  // the services' rules about the whole run
    // What is still missing for everybody to agree with the truth; empty when nothing is.
    std::string disagreement() const;
    std::string services_disagreement() const;
    std::string profiles_disagreement() const;
    bool everybody_says(std::uint32_t about, mesh::membership::Status status) const;

    Scheduler& scheduler() { return scheduler_; }
    MonoTime now() const { return scheduler_.now(); }
    const Node& node(std::uint32_t index) const { return nodes_[index]; }
    std::uint32_t size() const { return static_cast<std::uint32_t>(nodes_.size()); }
    // Whether `from` has a connection to whoever has the name of node `to`.
    bool linked(std::uint32_t from, std::uint32_t to) const;
    bool running(std::uint32_t index) const { return nodes_[index].core != nullptr; }
    const Violation& violation() const { return violation_; }
    void violate(std::string rule, std::string detail, bool liveness = false);
    void watch(Watcher watcher) { watcher_ = std::move(watcher); }
    void remember(const std::string& line);
    const std::deque<std::string>& history() const { return history_; }
    std::uint64_t trace_hash() const { return hash_; }
    const Network& network() const { return network_; }
    const mesh::membership::Options& options() const { return options_; }

    // For services.
    void add(std::unique_ptr<Service> service) { services_.push_back(std::move(service)); }
    // Over the connection that `from` knows: nothing arrives once that has ended or been replaced.
    void send(std::uint32_t from, std::uint32_t to, Packet packet);
    // In `node`'s present life, and once it is not paused; a timer as an input may overtake others.
    void later(std::uint32_t node, Duration wait, std::move_only_function<void()> what);
    WallTime wall(std::uint32_t node) const { return wall(nodes_[node].clock); }
    WallTime wall(Duration error = {}) const;
    std::uint32_t living(std::uint32_t node);
    void trace(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3; }
    std::optional<std::uint32_t> index_of(const NodeId& id) const;

  private:
    using Input =
        std::move_only_function<void(mesh::membership::Membership&, mesh::membership::Effects&)>;
    void connected(std::uint32_t node, std::uint32_t peer) override;
    void disconnected(std::uint32_t node, std::uint32_t peer,
                      mesh::membership::LinkEnd end) override;
    void dial_failed(std::uint32_t node, const mesh::membership::Dial& dial,
                     mesh::membership::DialFailure failure) override;
    void arrived(std::uint32_t node, std::uint32_t peer, const Packet& packet) override;
    std::optional<std::uint32_t> owner(std::uint32_t from, const std::string& address) override;
    const NodeId& name(std::uint32_t node) const override { return nodes_[node].name; }

    // doubles.cc
    std::uint32_t process_of(std::uint32_t from, std::uint32_t name) const;
    bool take_link(std::uint32_t node, std::uint32_t peer);
    void superseded(std::uint32_t node);

    void place(std::uint32_t node, std::string address);
    void defer(std::uint32_t node, bool timer, std::move_only_function<void()> what);
    void give(std::uint32_t node, bool timer, Input input);
    void link_changed(std::uint32_t node, std::uint32_t peer, Input input);
    void step(std::uint32_t node, Input& input);
    void perform(std::uint32_t node, mesh::membership::Effect& effect);
    MonoTime fires(MonoTime due);
    void told(std::uint32_t node, const mesh::membership::Event& event);
    void check(std::uint32_t node, std::size_t effects);
    void check_told(std::uint32_t node, std::uint32_t about, const mesh::membership::Event& event);
    void check_about(std::uint32_t node, std::uint32_t about);

    const Plan plan_;
    const mesh::membership::Options options_;
    Scheduler scheduler_;
    Rng rng_;
    Rng timer_rng_;
    std::vector<Node> nodes_;
    Network network_;
    std::vector<std::unique_ptr<Service>> services_;
    std::unordered_map<std::string, std::uint32_t> owners_;  // of addresses; never iterated
    std::uint32_t next_address_ = 0;
    std::uint32_t clones_ = 0;
    mesh::membership::Effects effects_;
    std::vector<std::uint32_t> touched_;  // whom the running step told something about
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
    std::uint64_t bytes_per_second_max = 0;  // that one node sent
    Duration converged_after{};              // healing
    Duration simulated{};
    std::uint64_t judged = 0;  // strangers whose treatment was looked at (tier 2)
    std::deque<std::string> history;
};
Outcome run_plan(const Plan& plan, const mesh::membership::Options& options, bool verbose = false);

}  // namespace vidai::sim
