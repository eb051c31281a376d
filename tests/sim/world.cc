// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/world.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "schema/base/mutant.h"

namespace vidai::sim {
namespace {

using namespace mesh::membership;  // NOLINT(google-build-using-namespace)

constexpr std::size_t kHistoryLines = 200;
constexpr const char* kSeedName = "seed:7420";

// A keyed hash stands in for ed25519: the key's owner alone can make one, anybody can check it.
std::uint64_t keyed_hash(const Claim& claim, const std::string& bytes) {
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto mix = [&](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
    for (const std::uint8_t byte : claim.key) mix(static_cast<std::uint8_t>(byte ^ 0x5a));
    for (const char byte : bytes) mix(static_cast<std::uint8_t>(byte));
    return hash;
}

SignatureBytes signature(const Claim& claim, const std::string& bytes) {
    SignatureBytes out{};
    const std::uint64_t hash = keyed_hash(claim, bytes);
    for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(hash >> (8 * i));
    return out;
}

void sign(Claim& claim) {
    claim.signature = signature(claim, signed_bytes(claim));
    if (claim.profile.empty()) return;
    claim.profile_signature = signature(claim, signed_profile(claim));
}

bool verify(const Claim& claim) {
    return claim.signature == signature(claim, signed_bytes(claim)) &&
           (claim.profile.empty() ||
            claim.profile_signature == signature(claim, signed_profile(claim)));
}

// What a program of wire version 1 makes of it.
Message without_profiles(Message message) {
    const auto strip = [](std::vector<Rumor>& rumors) {
        for (Rumor& rumor : rumors) {
            auto* claim = std::get_if<ClaimRef>(&rumor);
            if (claim == nullptr || (*claim)->profile.empty()) continue;
            auto plain = std::make_shared<Claim>(**claim);
            plain->profile.clear();
            plain->profile_signature = {};
            *claim = std::move(plain);
        }
    };
    if (auto* gossip = std::get_if<Gossip>(&message)) strip(gossip->rumors);
    if (auto* reply = std::get_if<SyncReply>(&message)) strip(reply->rumors);
    if (auto* delta = std::get_if<SyncDelta>(&message)) strip(delta->rumors);
    if (auto* request = std::get_if<SyncRequest>(&message)) {
        for (Digest& digest : request->digests) digest.described = false;
    }
    return message;
}

PublicKeyBytes key_of(std::uint32_t node, std::uint64_t serial) {
    PublicKeyBytes key{};
    key[0] = static_cast<std::uint8_t>(node);
    key[1] = static_cast<std::uint8_t>(serial / World::kSerialStep);
    return key;
}

}  // namespace

std::string profile_of(std::uint32_t node) {
    return encode_profile({"sim-" + std::to_string(node), 1 + node});
}

World::World(const Plan& plan, const Options& options)
    : plan_(plan),
      options_(options),
      rng_(plan.seed ^ 0x5eed),
      timer_rng_(plan.seed ^ 0x71e5eed),
      nodes_(plan.nodes + plan.clones()),
      network_(scheduler_, *this, plan_.links, plan.nodes + plan.clones(), rng_.next()) {
    Rng programs(plan.seed ^ 0x01d);
    for (std::uint32_t i = 0; i < plan.nodes; ++i) {
        nodes_[i].identity = i;
        nodes_[i].doubled = plan.is_doubled(i);
        nodes_[i].old = plan.mixed && programs.chance(0.5);
        nodes_[i].name = NodeId("n" + std::to_string(i));
        readdress(i);
        const std::int64_t apart = plan.clocks_apart.count();
        nodes_[i].clock =
            Duration(rng_.below(static_cast<std::uint64_t>(apart) + 1)) - Duration(apart / 2);
    }
}

World::~World() = default;

void World::place(std::uint32_t node, std::string address) {
    const auto held = owners_.find(nodes_[node].address);
    if (held != owners_.end() && held->second == node) owners_.erase(held);
    owners_[address] = node;
    nodes_[node].address = std::move(address);
}

void World::readdress(std::uint32_t node) {
    place(node, "h" + std::to_string(next_address_++) + ":7420");
}

bool World::take_address(std::uint32_t node, std::uint32_t from) {
    if (running(from) || from == node) return false;
    std::string address = nodes_[from].address;
    readdress(from);
    place(node, std::move(address));
    return true;
}

void World::wipe(std::uint32_t node) {
    nodes_[node].volume.clear();
    nodes_[node].generation = 0;
    nodes_[node].serial += kSerialStep;
    nodes_[node].volumes.push_back(nodes_[node].serial);
}

void World::renew(std::uint32_t index) {
    if (!running(index)) return;
    nodes_[index].serial += kSerialStep;
    give(index, false, [this, serial = nodes_[index].serial](Membership& core, Effects& out) {
        core.renew(now(), core.self()->key, serial, "renewed", out);
    });
}

void World::start(std::uint32_t index) {
    Node& node = nodes_[index];
    if (node.core != nullptr) return;
    if (++node.life > 1) node.old = false;  // whoever is stopped is upgraded
    // What the volume's own code promises; a bug here is as good as one there.
    if (!VIDAI_MUTANT("generation-not-persisted") || node.generation == 0) ++node.generation;
    node.started = true;
    node.left = false;
    node.paused = false;
    node.timers_pending = 0;
    node.inbox.clear();
    node.unseen.clear();
    node.seen.assign(nodes_.size(), 0);
    node.alive.assign(nodes_.size(), std::nullopt);
    node.life_serial = node.serial;
    node.life_generation = node.generation;
    node.living = 0;
    node.linked.clear();
    network_.start(index);
    const Identity identity{node.name,   key_of(node.identity, node.volumes.back()),
                            node.serial, Generation{node.generation},
                            {},          node.old ? std::string() : profile_of(node.identity)};
    const WireRange wire{1, node.old ? std::uint16_t{1} : kProfileWire};
    node.core = std::make_unique<Membership>(identity, node.address, wire, Crypto{sign, verify},
                                             options_, rng_.next(), node.volume);
    remember(node.name.str() + " starts, generation " + std::to_string(node.generation) + " at " +
             node.address);
    for (const auto& service : services_) service->on_start(index);
    give(index, false,
         [this](Membership& core, Effects& out) { core.join(now(), {kSeedName}, out); });
}

void World::stop(std::uint32_t index, bool silent) {
    Node& node = nodes_[index];
    if (node.core == nullptr) return;
    remember(node.name.str() + (silent ? " vanishes" : " ends"));
    for (const auto& service : services_) service->on_stop(index);
    node.volume = node.core->claims();
    node.core.reset();
    node.inbox.clear();
    network_.stop(index, silent);
}

void World::pause(std::uint32_t index, bool on) {
    Node& node = nodes_[index];
    if (node.core == nullptr || node.paused == on) return;
    remember(node.name.str() + (on ? " is paused" : " goes on"));
    node.paused = on;
    network_.pause(index, on);
    if (on) return;
    const std::uint32_t life = node.life;
    while (!node.inbox.empty() && !node.paused && node.core != nullptr && node.life == life) {
        auto next = std::move(node.inbox.front());
        node.inbox.pop_front();
        next();
    }
}

void World::leave(std::uint32_t index) {
    if (nodes_[index].core == nullptr) return;
    nodes_[index].left = true;
    for (const auto& service : services_) {
        defer(index, false, [&service, index] { service->on_leave(index); });
    }
    give(index, false, [this](Membership& core, Effects& out) { core.leave(now(), out); });
}

void World::set_address(std::uint32_t index, std::string address) {
    place(index, address);
    give(index, false, [this, address = std::move(address)](Membership& core, Effects& out) {
        core.set_address(now(), address, out);
    });
}

void World::heal() {
    remember("the network heals");
    network_.heal();
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) pause(i, false);
}

void World::finish() {
    for (const auto& service : services_) {
        if (violation_.rule.empty()) service->finish();
    }
}

void World::run(MonoTime until) {
    // A bug may multiply messages without end; a run must end all the same.
    const std::size_t pending_max = 200'000 + 10'000 * nodes_.size();
    while (violation_.rule.empty() && scheduler_.run_one(until)) {
        if (scheduler_.pending() <= pending_max) continue;
        violate("messages-bounded", std::to_string(scheduler_.pending()) + " steps are pending");
    }
}

std::optional<std::uint32_t> World::owner(std::uint32_t from, const std::string& address) {
    if (address == kSeedName) {
        std::vector<std::uint32_t> candidates;
        for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
            if (i != from && running(i) && !network_.connected(from, i)) candidates.push_back(i);
        }
        if (candidates.empty()) return from;
        return candidates[rng_.below(candidates.size())];
    }
    const auto found = owners_.find(address);
    return found == owners_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::uint32_t> World::index_of(const NodeId& id) const {
    const std::string& text = id.str();
    std::uint32_t index = 0;
    for (std::size_t i = 1; i < text.size(); ++i) {
        index = index * 10 + static_cast<std::uint32_t>(text[i] - '0');
    }
    return index < plan_.nodes ? std::optional(index) : std::nullopt;
}

void World::connected(std::uint32_t node, std::uint32_t peer) {
    if (!take_link(node, peer)) return;
    peer = nodes_[peer].identity;
    link_changed(node, peer, [this, peer](Membership& core, Effects& out) {
        core.on_connected(now(), nodes_[peer].name, out);
    });
    for (const auto& service : services_) {
        defer(node, false, [&service, node, peer] { service->on_connected(node, peer); });
    }
}

void World::disconnected(std::uint32_t node, std::uint32_t peer, LinkEnd end) {
    if (process_of(node, nodes_[peer].identity) != peer) return;
    peer = nodes_[peer].identity;
    link_changed(node, peer, [this, peer, end](Membership& core, Effects& out) {
        core.on_disconnected(now(), nodes_[peer].name, end, out);
    });
    for (const auto& service : services_) {
        defer(node, false, [&service, node, peer] { service->on_disconnected(node, peer); });
    }
}

void World::dial_failed(std::uint32_t node, const Dial& dial, DialFailure failure) {
    give(node, false, [this, dial, failure](Membership& core, Effects& out) {
        core.on_dial_failed(now(), dial, failure, out);
    });
}

void World::arrived(std::uint32_t node, std::uint32_t peer, const Packet& packet) {
    if (process_of(node, nodes_[peer].identity) != peer) return;
    peer = nodes_[peer].identity;
    trace(packet.index());
    const auto* message = std::get_if<Message>(&packet);
    if (message == nullptr) {
        return defer(node, false, [this, node, peer, packet] {
            for (const auto& service : services_) service->on_packet(node, peer, packet);
        });
    }
    trace(message->index());
    if (nodes_[node].old) {
        return give(
            node, false,
            [this, peer, less = without_profiles(*message)](Membership& core, Effects& out) {
                core.on_message(now(), nodes_[peer].name, less, out);
            });
    }
    if (nodes_[node].core != nullptr && !nodes_[node].paused) {
        Input input = [&](Membership& core, Effects& out) {
            core.on_message(now(), nodes_[peer].name, *message, out);
        };
        return step(node, input);
    }
    give(node, false, [this, peer, copy = *message](Membership& core, Effects& out) {
        core.on_message(now(), nodes_[peer].name, copy, out);
    });
}

// Does it now, or when the node's process runs again.
void World::defer(std::uint32_t index, bool timer, std::move_only_function<void()> what) {
    Node& node = nodes_[index];
    if (node.core == nullptr || !violation_.rule.empty()) return;
    if (!node.paused) return what();
    if (timer && plan_.timers_first) {
        node.inbox.push_front(std::move(what));
    } else {
        node.inbox.push_back(std::move(what));
    }
}

void World::later(std::uint32_t index, Duration wait, std::move_only_function<void()> what) {
    scheduler_.after(wait,
                     [this, index, life = nodes_[index].life, what = std::move(what)]() mutable {
                         if (nodes_[index].life == life) defer(index, true, std::move(what));
                     });
}

void World::give(std::uint32_t index, bool timer, Input input) {
    if (nodes_[index].core == nullptr) return;
    if (!nodes_[index].paused) return step(index, input);
    defer(index, timer, [this, index, input = std::move(input)]() mutable { step(index, input); });
}

// Until a paused process has heard of it, what it sends goes to the connection that was before.
void World::link_changed(std::uint32_t index, std::uint32_t peer, Input input) {
    if (nodes_[index].paused) ++nodes_[index].unseen[peer];
    give(index, false,
         [this, index, peer, input = std::move(input)](Membership& core, Effects& out) mutable {
             auto& unseen = nodes_[index].unseen;
             const auto found = unseen.find(peer);
             if (found != unseen.end() && --found->second == 0) unseen.erase(found);
             input(core, out);
         });
}

void World::send(std::uint32_t from, std::uint32_t to, Packet packet) {
    if (nodes_[from].unseen.contains(to)) return;
    network_.send(from, process_of(from, to), std::move(packet));
}

// A member with a good certificate says it: only the subject's signature could give it away.
void World::forge(std::uint32_t at, std::uint32_t about) {
    if (!running(about) || at == about) return;
    Claim lie = *nodes_[about].core->self();
    lie.version.incarnation.value += 5;
    lie.address = "liar:7420";
    const std::uint32_t liar = about == 0 ? 1 : 0;
    if (nodes_.size() < 2 || liar == at) return;
    remember("a forged claim about " + nodes_[about].name.str() + " reaches " +
             nodes_[at].name.str());
    for (const auto& service : services_) {
        defer(at, false, [&service, at, liar, about] { service->on_forge(at, liar, about); });
    }
    Claim boast = *nodes_[about].core->self();
    boast.profile = encode_profile({"liar", ~std::uint64_t{0}});
    boast.profile_signature.fill(0xff);
    const std::vector<Rumor> lies{std::make_shared<const Claim>(std::move(lie)),
                                  std::make_shared<const Claim>(std::move(boast))};
    give(at, false, [this, liar, lies](Membership& core, Effects& out) {
        Message message = Gossip{lies};
        core.on_message(now(), nodes_[liar].name, message, out);
    });
}

WallTime World::wall(Duration error) const {
    constexpr WallTime kMinuteTurns{std::chrono::minutes(30'000'000)};
    const Duration since = now().time_since_epoch() - std::chrono::hours(1);
    return kMinuteTurns +
           std::chrono::duration_cast<std::chrono::milliseconds>(since + plan_.into_minute + error);
}

std::uint32_t World::living(std::uint32_t index) {
    Node& node = nodes_[index];
    if (node.living != 0 || node.core == nullptr) return node.living;
    for (const MemberView& member : node.core->members()) {
        const bool lives = member.status == Status::kAlive || member.status == Status::kSuspect;
        node.living += member.self || lives ? 1 : 0;
    }
    return node.living;
}

void World::step(std::uint32_t index, Input& input) {
    if (!violation_.rule.empty()) return;
    trace(static_cast<std::uint64_t>(now().time_since_epoch().count()) * 64 + index);
    Effects effects = std::move(effects_);
    effects.clear();
    input(*nodes_[index].core, effects);
    const std::size_t count = effects.size();
    touched_.clear();
    for (Effect& effect : effects) perform(index, effect);
    effects_ = std::move(effects);
    if (nodes_[index].core != nullptr) check(index, count);
}

void World::perform(std::uint32_t index, Effect& effect) {
    Node& node = nodes_[index];
    if (auto* send = std::get_if<Send>(&effect)) {
        const std::optional<std::uint32_t> to = index_of(send->to);
        if (!to) return violate("known-recipients", node.name.str() + " sends to a stranger");
        this->send(index, *to, std::move(send->message));
    } else if (const auto* dial = std::get_if<Dial>(&effect)) {
        network_.dial(index, *dial);
    } else if (const auto* close = std::get_if<Close>(&effect)) {
        const auto peer = index_of(close->peer);
        if (peer && !node.unseen.contains(*peer)) network_.close(index, process_of(index, *peer));
    } else if (const auto* timer = std::get_if<ArmTimer>(&effect)) {
        ++node.timers_pending;
        const std::uint32_t life = node.life;
        scheduler_.at(fires(timer->at), [this, index, life, token = timer->token] {
            if (nodes_[index].life != life) return;
            --nodes_[index].timers_pending;
            give(index, true, [this, token](Membership& core, Effects& out) {
                core.on_timer(now(), token, out);
            });
        });
    } else {
        told(index, std::get<Notify>(effect).event);
    }
}

// No adapter's clock is the core's. One that was early and is armed anew is not so at once again:
// real time has gone on.
MonoTime World::fires(MonoTime due) {
    if (plan_.timers_off.count() == 0) return due;
    const auto span = static_cast<std::uint64_t>(2 * plan_.timers_off.count()) + 1;
    const MonoTime at = due - plan_.timers_off + Duration(timer_rng_.below(span));
    return std::max(at, std::min(due, now() + std::chrono::microseconds(100)));
}

void World::told(std::uint32_t index, const Event& event) {
    trace(static_cast<std::uint64_t>(event.kind) + 100);
    nodes_[index].living = 0;
    if (const auto about = index_of(event.subject)) {
        touched_.push_back(*about);
        check_told(index, *about, event);
    }
    remember(nodes_[index].name.str() + ": " + event.subject.str() + " " +
             std::string(event_name(event.kind)) + " serial " +
             std::to_string(event.version.serial) + " generation " +
             std::to_string(event.version.generation.value) + " incarnation " +
             std::to_string(event.version.incarnation.value) +
             (event.by.empty() ? "" : " by " + event.by.str()));
    if (watcher_) watcher_(index, event);
    if (event.kind == EventKind::kSuperseded) superseded(index);
    if (event.kind == EventKind::kSetBack) {  // and it writes down where it goes on
        nodes_[index].generation = nodes_[index].core->self()->version.generation.value;
    }
    if (event.kind == EventKind::kSelfLeft) {
        // Not at once: the core is in the middle of a turn.
        const std::uint32_t life = nodes_[index].life;
        scheduler_.after({}, [this, index, life] {
            if (nodes_[index].life == life) stop(index, false);
        });
    }
}

void World::remember(const std::string& line) {
    char stamp[32];
    const Duration since = now().time_since_epoch() - std::chrono::hours(1);
    std::snprintf(stamp, sizeof stamp, "%10.4f s  ", static_cast<double>(since.count()) / 1e9);
    history_.push_back(stamp + line);
    if (history_.size() > kHistoryLines) history_.pop_front();
}

void World::violate(std::string rule, std::string detail, bool liveness) {
    if (violation_.rule.empty()) violation_ = {std::move(rule), std::move(detail), liveness};
}

}  // namespace vidai::sim
