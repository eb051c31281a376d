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
#include "mesh/state/statement.h"

namespace vidai::sim {

namespace {

namespace rpc = mesh::rpc;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kForming{30}, kHealing{90};
constexpr seconds kAfterwards{6};   // so that what should not come back would have
constexpr seconds kSurelyDead{15};  // a crash this long has been noticed by all
constexpr seconds kCalmBefore{15};  // so long after another fault a node is well again
constexpr milliseconds kStep{50};
constexpr std::size_t kHistory = 40;

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

MeshWorld::MeshWorld(Story story, std::string folder, bool verbose)
    : story_(std::move(story)),
      folder_(std::move(folder)),
      verbose_(verbose),
      rng_(story_.seed ^ 0x7e57'ab1e),
      true_clock_(time_, {}),
      fabric_(time_.timer(), rng_.fork()),
      random_(rng_.fork()),
      system_random_(rng_.fork()),
      nodes_(story_.nodes) {
    CHECK(std::filesystem::create_directories(folder_), "the simulator's folder is there already");
    make_mesh();
    make_nodes();
    const auto accuse = [this](const char* rule, std::string detail, bool liveness) {
        violated(rule, std::move(detail), liveness);
    };
    const Door door{fabric_, true_clock_, random_};
    forger_ = std::make_unique<Forger>(folder_ + "/mesh", true_clock_.wall_now(), random_);
    watch_ = std::make_unique<Watch>(fabric_, nodes_, accuse);
    strangers_ = std::make_unique<Strangers>(door, time_.timer(), *forger_, accuse);
    operators_ = std::make_unique<Operators>(door, time_.timer(), *forger_, accuse);
}

MeshWorld::~MeshWorld() noexcept(false) {
    operators_.reset();
    strangers_.reset();
    for (SimNode& node : nodes_) node.thread.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

void MeshWorld::make_mesh() {
    const auto made = mesh::seal::make_mesh({}, true_clock_.wall_now(), random_);
    CHECK(made, "a mesh can be made");
    CHECK(mesh::seal::write_new_files(folder_ + "/mesh", made->files), "its files can be kept");
}

void MeshWorld::make_nodes() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        SimNode& node = nodes_[i];
        node.id = "n" + std::to_string(i + 1);
        node.host = fresh_host();
        node.path = folder_ + "/" + node.id;
        node.clock = std::make_shared<const VirtualClock>(
            time_, std::chrono::duration_cast<milliseconds>(story_.clocks[i]));
        node.sink = [this, &node](const mesh::Notice& notice) {
            if (notice.kind == mesh::Notice::Kind::kStateSaved) return;
            watch_->on_notice(node, notice, time_.now());
            tell(node.id + " " + notice.subject + " " + notice.what + " " +
                 (notice.subject.starts_with('/') ? "" : notice.message));
        };
    }
}

Host MeshWorld::fresh_host() {
    ++moves_;
    return "10.0." + std::to_string(moves_ / 250) + "." + std::to_string(1 + moves_ % 250);
}

std::set<Host> MeshWorld::hosts() const {
    std::set<Host> all;
    for (const SimNode& node : nodes_) all.insert(node.host);
    return all;
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
    if (!outcome_.violation.rule.empty()) return;
    tell("broken: " + std::string(rule) + ": " + detail);
    outcome_.violation = {rule, std::move(detail), liveness};
}

void MeshWorld::start(SimNode& node) {
    strangers_->go(node.host);
    mesh::MeshOptions options;
    options.node_id = node.id;
    options.enabled = true;
    options.data_dir = node.path;
    options.root_file = folder_ + "/mesh/mesh.pub";
    options.issuer_file = folder_ + "/mesh/issuer.key";
    for (const SimNode& seed : {std::cref(nodes_[0]), std::cref(nodes_[1])}) {
        if (seed.host != node.host) options.seeds.push_back(seed.host + ":7420");
    }
    options.clock = node.clock;
    auto startup = rpc::recall(options, node.sink, random_);
    if (!startup) return violated("start", node.id + ": " + startup.error().message, false);
    const std::uint64_t generation = startup->identity.generation.value;
    if (generation <= std::exchange(node.last_generation, generation)) {
        violated("generation-grows",
                 node.id + " starts as generation " + std::to_string(generation) + " again", false);
    }
    node.startup.emplace(std::move(*startup));
    node.key = mesh::seal::fingerprint(node.startup->identity.key->public_key());
    node.startup->address = node.host + ":7420";
    node.shared = std::make_unique<rpc::Shared>(rpc::mesh_metric_catalogue());
    node.network = fabric_.network_of(node.host);
    watch_->on_start(node, time_.now());
    node.thread = std::make_unique<rpc::MeshThread>(
        *node.startup, *node.shared, node.sink,
        rpc::Surroundings{
            *node.network, time_.timer(), random_, nullptr, fabric_.listen(node.host), {}});
    node.thread->on_command(rpc::Command::kJoin);
}

void MeshWorld::stop(SimNode& node) {
    node.thread.reset();
    node.network = nullptr;
    node.shared.reset();
    node.startup.reset();
}

// What was not on the disk yet is lost, though the objects' ends would still save it.
void MeshWorld::crash(SimNode& node, bool wipe) {
    if (!node.runs()) return;
    // An operator's word that nobody else has yet is not for us to lose: it would be forgotten.
    if (wipe && Operators::only_holder(node, nodes_)) wipe = false;
    if (wipe) operators_->excuse(node, nodes_);
    const std::string state = node.path + "/" + rpc::kStateFile, kept = read_file(state);
    const bool saved = std::filesystem::exists(state);
    stop(node);
    watch_->on_stop(node, wipe, time_.now());
    if (wipe) {
        std::filesystem::remove_all(node.path);
        node.last_generation = 0;
        node.key.clear();
        node.revoked = false;  // its key is gone: another one may come
        ++node.wipes;
    } else if (!saved) {
        std::filesystem::remove(state);
    } else {
        std::ofstream(state, std::ios::binary | std::ios::trunc) << kept;
    }
}

void MeshWorld::relocate(SimNode& node, Host host) {
    ++node.disturbed;
    crash(node, false);
    node.host = std::move(host);
}

void MeshWorld::begin(const Event& event) {
    SimNode& node = nodes_[event.node];
    SimNode& other = nodes_[event.other];
    tell("begins: " + node.id + " " + std::string(deed_name(event.deed)) + ", other " + other.id);
    if (is_fault(event.deed)) return begin_fault(event, node);
    if (is_tampering(event.deed)) {
        constexpr auto kFirst = static_cast<std::uint8_t>(Deed::kFlip);
        const auto how = static_cast<Tampering>(static_cast<std::uint8_t>(event.deed) - kFirst);
        return fabric_.tamper(other.host, node.host, how);
    }
    if (is_stranger(event.deed) && event.deed != Deed::kRevoked) {
        return strangers_->visit(event, node, other, hosts());
    }
    operate(event, node);
}

void MeshWorld::operate(const Event& event, SimNode& node) {
    SimNode& other = nodes_[event.other];
    switch (event.deed) {
        case Deed::kRevoked:
            return operators_->revoke(
                node, forger_->ghost()->key->public_key(), "ghost", [this, &event, &node]() {
                    strangers_->visit(event, node, nodes_[event.other], hosts());
                });
        case Deed::kKeyCreate:
            return operators_->create_key(node);
        case Deed::kKeyRevoke:
            return operators_->revoke_key(node);
        case Deed::kSpend:
            return Operators::spend(node, 1 + event.seed % 1'000);
        case Deed::kRevokeNode:
            if (!other.startup || &other == &node) return;
            return operators_->revoke(
                node, other.startup->identity.key->public_key(), other.id,
                [&other, wipes = other.wipes]() { other.revoked |= other.wipes == wipes; });
        default:
            CHECK(false, "an operator does not do this");
    }
}

void MeshWorld::begin_fault(const Event& event, SimNode& node) {
    const Deed deed = event.deed;
    ++node.disturbed;
    if (deed == Deed::kPowerLoss) fabric_.set_dark(node.host, true);
    if (deed == Deed::kImpostor && node.runs()) {
        const auto victim = node.startup->certified.credentials;
        crash(node, false);
        strangers_->stand_in(event, node.host, *victim);
    }
    if (is_absence(deed)) crash(node, deed == Deed::kWipe);
    if (deed == Deed::kReuse) {
        ++nodes_[event.other].disturbed;
        crash(nodes_[event.other], false);
    }
    if (deed == Deed::kMute) fabric_.set_mute(node.host, true);
    for (const SimNode& other : nodes_) {
        if (other.host == node.host) continue;
        if (deed == Deed::kPartition) fabric_.cut(other.host, node.host);
        if (deed == Deed::kPartition || deed == Deed::kOneWay) {
            fabric_.cut(node.host, other.host);
        }
        if (deed == Deed::kSlow) fabric_.slow(node.host, other.host, milliseconds(150));
        if (deed == Deed::kReset || deed == Deed::kMute) fabric_.reset(node.host, other.host);
    }
}

void MeshWorld::end(const Event& event) {
    SimNode& node = nodes_[event.node];
    check_dead(event);
    tell("over: " + node.id + " " + std::string(deed_name(event.deed)));
    ++node.disturbed;
    fabric_.set_dark(node.host, false);
    fabric_.set_mute(node.host, false);
    for (const SimNode& other : nodes_) {
        fabric_.mend(other.host, node.host);
        fabric_.mend(node.host, other.host);
        fabric_.slow(node.host, other.host, std::chrono::microseconds(300));
    }
    if (event.deed == Deed::kMove) relocate(node, fresh_host());
    if (event.deed == Deed::kReuse) {
        SimNode& other = nodes_[event.other];
        Host old = other.host;
        relocate(other, fresh_host());
        relocate(node, std::move(old));
        start(other);
    }
    if (!node.runs()) start(node);
}

// Where nothing else was wrong, all others hold a node dead that was gone for long.
void MeshWorld::check_dead(const Event& event) {
    const bool gone = is_absence(event.deed) || event.deed == Deed::kPartition;
    if (!gone || event.lasts < kSurelyDead || event.deed == Deed::kReuse) return;
    for (const Event& beside : story_.events) {
        // Who tampers ends a connection, and it is made anew: that hides no death for so long.
        const bool matters = is_fault(beside.deed) || beside.deed == Deed::kRevokeNode;
        if (!matters || beside.number == event.number) continue;
        if (beside.at < event.at + event.lasts &&
            beside.at + beside.lasts > event.at - kCalmBefore) {
            return;
        }
    }
    const SimNode& victim = nodes_[event.node];
    for (const SimNode& other : nodes_) {
        if (other.id == victim.id || !other.runs() || other.revoked || victim.revoked) continue;
        const auto view = other.shared->view.load();
        for (const mesh::Member& member : view->members) {
            if (member.id.str() != victim.id) continue;
            if (member.status == mesh::MemberStatus::kDead) continue;
            violated("declared-dead", other.id + " does not hold " + member.id.str() + " dead",
                     true);
        }
    }
}

bool MeshWorld::is_shadow(const mesh::Member& member) const {
    const auto node = std::ranges::find(nodes_, member.id.str(), &SimNode::id);
    return node != nodes_.end() && sim::is_shadow(*node, member);
}

bool MeshWorld::agreed(std::string& why) const {
    const auto members = static_cast<std::size_t>(
        std::ranges::count_if(nodes_, [](const SimNode& node) { return !node.revoked; }));
    const SimNode* first = nullptr;
    for (const SimNode& node : nodes_) {
        if (node.revoked) continue;
        if (!node.runs()) return why = node.id + " does not run", false;
        if (first == nullptr) first = &node;
        const auto view = node.shared->view.load();
        const auto known = static_cast<std::size_t>(std::ranges::count_if(
            view->members, [this](const mesh::Member& member) { return !is_shadow(member); }));
        if (known != members) return why = node.id + " knows " + std::to_string(known), false;
        if (view->digest != first->shared->view.load()->digest) {
            return why = node.id + " holds other registers than " + first->id, false;
        }
        for (const mesh::Member& member : view->members) {
            if (is_shadow(member)) continue;
            const bool well =
                member.status == mesh::MemberStatus::kAlive && (member.self || member.connected);
            if (!well) return why = node.id + " is not well with " + member.id.str(), false;
        }
        if (!node.shared->not_ready.load()->empty()) {
            return why = node.id + " is not ready: " + *node.shared->not_ready.load(), false;
        }
        if (Operators::spent(node) != Operators::spent(*first)) {
            return why = node.id + " counts otherwise than " + first->id, false;
        }
    }
    return true;
}

bool MeshWorld::agrees_within(Duration limit, const char* rule) {
    const MonoTime begun = time_.now();
    std::string why;
    while (!agreed(why)) {
        if (time_.now() - begun > limit) return violated(rule, why, true), false;
        run_for(kStep);
    }
    outcome_.converged_after = time_.now() - begun;
    return true;
}

void MeshWorld::run_for(Duration span) {
    const MonoTime until = time_.now() + span;
    while (time_.now() < until) {
        time_.run_for(std::min<Duration>(kStep, until - time_.now()));
        watch_->step(time_.now());
    }
}

void MeshWorld::play() {
    struct Due {
        Duration at;
        const Event* event;
        bool begins;
    };
    std::vector<Due> script;
    for (const Event& event : story_.events) {
        script.push_back({event.at, &event, true});
        if (is_fault(event.deed)) script.push_back({event.at + event.lasts, &event, false});
    }
    std::ranges::stable_sort(script, {}, &Due::at);
    Duration passed{};
    for (const Due& due : script) {
        if (due.at > passed) run_for(due.at - passed);
        passed = std::max(passed, due.at);
        due.begins ? begin(*due.event) : end(*due.event);
    }
}

// Who was put out comes once more to everybody, and nobody has forgotten anything.
void MeshWorld::check_the_end() {
    Event again{.deed = Deed::kRevoked};
    for (SimNode& node : nodes_) {
        if (watch_->knows_revoked(node, "ghost")) {
            strangers_->visit(again, node, nodes_[0], hosts());
        }
    }
    run_for(kAfterwards);
    std::string why;
    if (!agreed(why)) violated("agreement-lasts", why, true);
    operators_->check_kept(nodes_);
}

Outcome MeshWorld::run() {
    const MonoTime begun = time_.now();
    for (SimNode& node : nodes_) {
        start(node);
        time_.run_for(milliseconds(rng_.below(400)));
    }
    if (agrees_within(kForming, "forming")) {
        play();
        fabric_.heal();
        for (SimNode& node : nodes_) {
            if (!node.runs()) start(node);
        }
        if (agrees_within(kHealing, "convergence")) check_the_end();
    }
    outcome_.simulated = time_.now() - begun;
    outcome_.bytes_per_second_max = watch_->bytes_per_second_max();
    outcome_.steps = time_.steps();
    outcome_.judged = strangers_->judged();
    outcome_.trace_hash ^= fabric_.hash();
    return std::move(outcome_);
}

Outcome run_mesh(const Story& story, bool verbose) {
    static std::uint64_t runs = 0;
    const std::string folder = (std::filesystem::temp_directory_path() / "vidai-sim-").string() +
                               std::to_string(::getpid()) + "-" + std::to_string(++runs);
    return MeshWorld(story, folder, verbose).run();
}

}  // namespace vidai::sim
