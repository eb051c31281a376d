// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/tier2/mesh_world.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include <unistd.h>

#include "mesh/rpc/report.h"
#include "mesh/seal/identity_store.h"

namespace vidai::sim {

namespace {

namespace rpc = mesh::rpc;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kForming{30}, kFaults{40}, kHealing{90};
constexpr seconds kSurelyDead{25};  // a crash this long has been noticed by all
constexpr milliseconds kStep{50};
constexpr std::uint64_t kOffsetMaxMs = 20'000;  // of a clock, either way
constexpr std::size_t kHistory = 40;
constexpr const char* kKinds[] = {"crash",   "wipe",  "power loss", "partition",
                                  "one way", "reset", "mute",       "slow"};

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

MeshWorld::MeshWorld(std::uint64_t seed, std::uint32_t nodes, std::string folder, bool verbose)
    : folder_(std::move(folder)),
      verbose_(verbose),
      rng_(seed),
      fabric_(time_.timer(), rng_.fork()),
      random_(rng_.fork()),
      nodes_(nodes > 0 ? nodes : 3 + rng_.below(3)) {
    CHECK(std::filesystem::create_directories(folder_), "the simulator's folder is there already");
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        Node& node = nodes_[i];
        node.id = "n" + std::to_string(i + 1);
        node.host = "10.0.0." + std::to_string(i + 1);
        node.path = folder_ + "/" + node.id;
        const auto offset = static_cast<std::int64_t>(rng_.below(2 * kOffsetMaxMs + 1)) -
                            static_cast<std::int64_t>(kOffsetMaxMs);
        node.clock = std::make_shared<const VirtualClock>(time_, milliseconds(offset));
    }
    make_mesh();
    draw_faults();
}

MeshWorld::~MeshWorld() {
    for (Node& node : nodes_) node.thread.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

void MeshWorld::make_mesh() {
    const auto made = mesh::seal::make_mesh({}, nodes_[0].clock->wall_now(), random_);
    CHECK(made, "a mesh can be made");
    CHECK(mesh::seal::write_new_files(folder_ + "/mesh", made->files), "its files can be kept");
}

void MeshWorld::draw_faults() {
    const std::uint64_t count = 1 + rng_.below(4);
    for (std::uint64_t i = 0; i < count; ++i) {
        faults_.push_back({milliseconds(rng_.below(10'000)), milliseconds(500 + rng_.below(29'500)),
                           static_cast<Kind>(rng_.below(static_cast<std::uint64_t>(Kind::kCount))),
                           static_cast<std::size_t>(rng_.below(nodes_.size()))});
    }
}

void MeshWorld::tell(const std::string& what) {
    char at[32];
    std::snprintf(at, sizeof at, "%9.3f ",
                  std::chrono::duration<double>(time_.now().time_since_epoch()).count() - 3'600);
    if (verbose_) std::printf("%s%s\n", at, what.c_str());
    outcome_.history.push_back(at + what);
    if (outcome_.history.size() > kHistory) outcome_.history.pop_front();
    for (const char c : outcome_.history.back()) {
        outcome_.trace_hash = (outcome_.trace_hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
    }
}

void MeshWorld::violated(const char* rule, std::string detail, bool liveness) {
    if (outcome_.violation.rule.empty()) outcome_.violation = {rule, std::move(detail), liveness};
}

void MeshWorld::start(Node& node) {
    mesh::MeshOptions options;
    options.node_id = node.id;
    options.enabled = true;
    options.data_dir = node.path;
    options.root_file = folder_ + "/mesh/mesh.pub";
    options.issuer_file = folder_ + "/mesh/issuer.key";
    for (const Node& seed : {std::cref(nodes_[0]), std::cref(nodes_[1])}) {
        if (seed.host != node.host) options.seeds.push_back(seed.host + ":7420");
    }
    options.clock = node.clock;
    node.sink = [this, id = node.id](const mesh::Notice& notice) {
        if (notice.kind == mesh::Notice::Kind::kStateSaved) return;
        tell(id + " " + notice.subject + " " + notice.what + " " +
             (notice.subject.starts_with('/') ? "" : notice.message));
    };
    auto startup = rpc::recall(options, node.sink, random_);
    if (!startup) return violated("start", node.id + ": " + startup.error().message, false);
    node.startup.emplace(std::move(*startup));
    node.startup->address = node.host + ":7420";
    node.shared = std::make_unique<rpc::Shared>(rpc::mesh_metric_catalogue());
    node.network = fabric_.network_of(node.host);
    node.thread = std::make_unique<rpc::MeshThread>(
        *node.startup, *node.shared, node.sink,
        rpc::Surroundings{
            *node.network, time_.timer(), random_, nullptr, fabric_.listen(node.host), {}});
    node.thread->on_command(rpc::Command::kJoin);
}

// What was not on the disk yet is lost, though the objects' ends would still save it.
void MeshWorld::crash(Node& node, bool wipe) {
    if (!node.thread) return;
    const std::string state = node.path + "/" + rpc::kStateFile, kept = read_file(state);
    const bool saved = std::filesystem::exists(state);
    node.thread.reset();
    node.network = nullptr;
    node.shared.reset();
    node.startup.reset();
    if (wipe) {
        std::filesystem::remove_all(node.path);
    } else if (!saved) {
        std::filesystem::remove(state);
    } else {
        std::ofstream(state, std::ios::binary | std::ios::trunc) << kept;
    }
}

void MeshWorld::begin(const Fault& fault) {
    Node& node = nodes_[fault.node];
    tell("fault: " + node.id + " " + kKinds[static_cast<std::size_t>(fault.kind)]);
    if (fault.kind == Kind::kPowerLoss) fabric_.set_dark(node.host, true);
    if (fault.kind <= Kind::kPowerLoss) crash(node, fault.kind == Kind::kWipe);
    if (fault.kind == Kind::kMute) fabric_.set_mute(node.host, true);
    for (const Node& other : nodes_) {
        if (other.host == node.host) continue;
        if (fault.kind == Kind::kPartition) fabric_.cut(other.host, node.host);
        if (fault.kind == Kind::kPartition || fault.kind == Kind::kOneWay) {
            fabric_.cut(node.host, other.host);
        }
        if (fault.kind == Kind::kSlow) fabric_.slow(node.host, other.host, milliseconds(150));
        if (fault.kind == Kind::kReset || fault.kind == Kind::kMute) {
            fabric_.reset(node.host, other.host);
        }
    }
}

void MeshWorld::end(const Fault& fault) {
    Node& node = nodes_[fault.node];
    check_dead(fault);
    tell("over: " + node.id + " " + kKinds[static_cast<std::size_t>(fault.kind)]);
    fabric_.set_dark(node.host, false);
    fabric_.set_mute(node.host, false);
    for (const Node& other : nodes_) {
        fabric_.mend(other.host, node.host);
        fabric_.mend(node.host, other.host);
        fabric_.slow(node.host, other.host, std::chrono::microseconds(300));
    }
    if (!node.thread) start(node);
}

// Where nothing else was wrong, all others hold a node dead that was gone for long.
void MeshWorld::check_dead(const Fault& fault) {
    const bool gone = fault.kind <= Kind::kPartition;
    if (faults_.size() > 1 || !gone || fault.lasts < kSurelyDead) return;
    for (const Node& other : nodes_) {
        if (other.id == nodes_[fault.node].id || !other.thread) continue;
        const auto view = other.shared->view.load();
        for (const mesh::Member& member : view->members) {
            if (member.id.str() != nodes_[fault.node].id) continue;
            if (member.status == mesh::MemberStatus::kDead) continue;
            violated("declared-dead", other.id + " does not hold " + member.id.str() + " dead",
                     true);
        }
    }
}

bool MeshWorld::agreed(std::string& why) const {
    for (const Node& node : nodes_) {
        if (!node.thread) return why = node.id + " does not run", false;
        const auto view = node.shared->view.load();
        if (view->members.size() != nodes_.size()) {
            return why = node.id + " knows " + std::to_string(view->members.size()), false;
        }
        if (view->digest != nodes_[0].shared->view.load()->digest) {
            return why = node.id + " holds other registers than n1", false;
        }
        for (const mesh::Member& member : view->members) {
            const bool well =
                member.status == mesh::MemberStatus::kAlive && (member.self || member.connected);
            if (!well) return why = node.id + " is not well with " + member.id.str(), false;
        }
        if (!node.shared->not_ready.load()->empty()) {
            return why = node.id + " is not ready: " + *node.shared->not_ready.load(), false;
        }
    }
    return true;
}

bool MeshWorld::agrees_within(Duration limit, const char* rule) {
    const MonoTime begun = time_.now();
    std::string why;
    while (!agreed(why)) {
        if (time_.now() - begun > limit) return violated(rule, why, true), false;
        time_.run_for(kStep);
    }
    outcome_.converged_after = time_.now() - begun;
    return true;
}

void MeshWorld::play_faults() {
    struct Due {
        Duration at;
        const Fault* fault;
        bool begins;
    };
    std::vector<Due> script;
    for (const Fault& fault : faults_) {
        script.push_back({fault.at, &fault, true});
        script.push_back({fault.at + fault.lasts, &fault, false});
    }
    std::ranges::stable_sort(script, {}, &Due::at);
    Duration passed{};
    for (const Due& due : script) {
        if (due.at > passed) time_.run_for(due.at - passed);
        passed = std::max(passed, due.at);
        due.begins ? begin(*due.fault) : end(*due.fault);
    }
    if (passed < kFaults) time_.run_for(kFaults - passed);
}

Outcome MeshWorld::run() {
    const MonoTime begun = time_.now();
    for (Node& node : nodes_) {
        start(node);
        time_.run_for(milliseconds(rng_.below(400)));
    }
    if (agrees_within(kForming, "forming")) {
        play_faults();
        fabric_.heal();
        for (Node& node : nodes_) {
            if (!node.thread) start(node);
        }
        (void)agrees_within(kHealing, "convergence");
    }
    outcome_.simulated = time_.now() - begun;
    for (const auto& [host, bytes] : fabric_.sent()) {
        const auto rate =
            static_cast<double>(bytes) / std::chrono::duration<double>(outcome_.simulated).count();
        outcome_.bytes_per_second_max =
            std::max(outcome_.bytes_per_second_max, static_cast<std::uint64_t>(rate));
    }
    outcome_.steps = time_.steps();
    outcome_.trace_hash ^= fabric_.hash();
    return std::move(outcome_);
}

Outcome run_mesh(std::uint64_t seed, std::uint32_t nodes, bool verbose) {
    const std::string folder = (std::filesystem::temp_directory_path() / "vidai-sim-").string() +
                               std::to_string(::getpid()) + "-" + std::to_string(seed);
    return MeshWorld(seed, nodes, folder, verbose).run();
}

}  // namespace vidai::sim
