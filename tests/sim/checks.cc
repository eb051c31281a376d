// SPDX-License-Identifier: Apache-2.0
// The invariants: what every step must leave true of the node it ran on, and what healing must
// make true of all.
#include <algorithm>
#include <string>

#include "schema/vocabulary/check.h"
#include "tests/sim/world.h"

namespace vidai::sim {
namespace {

using namespace mesh::membership;  // NOLINT(google-build-using-namespace)

// Eight bytes that compare as versions do: a large world holds one for each pair of nodes.
std::uint64_t packed(const Version& version) {
    const std::uint64_t serial = version.serial / World::kSerialStep;
    CHECK(version.serial % World::kSerialStep == 0 && serial >> 16 == 0);
    CHECK(version.generation.value >> 16 == 0);
    return serial << 48 | version.generation.value << 32 | version.incarnation.value;
}

Version unpacked(std::uint64_t packed) {
    return {(packed >> 48) * World::kSerialStep, Generation{(packed >> 32) & 0xffff},
            Incarnation{static_cast<std::uint32_t>(packed)}};
}

std::string text(const Version& version) {
    return std::to_string(version.serial) + "/" + std::to_string(version.generation.value) + "/" +
           std::to_string(version.incarnation.value);
}

}  // namespace

void World::check(std::uint32_t index, std::size_t effects) {
    constexpr std::uint32_t kAlwaysAllUpTo = 16;
    Node& node = nodes_[index];
    const Membership& core = *node.core;
    const std::string& who = node.name.str();
    const std::size_t n = plan_.nodes;
    if (const Version& own = core.self()->version; own < node.said) {
        violate("own-version-monotone", who + " says " + text(own) + " after " + text(node.said));
    } else {
        node.said = own;
        Version& newest = nodes_[node.identity].newest;
        newest = std::max(newest, own);
    }
    // In a large mesh: those whom the step spoke of, and one more, so that all have their turn.
    if (n <= kAlwaysAllUpTo) {
        for (std::uint32_t i = 0; i < n; ++i) check_about(index, i);
    } else {
        for (const std::uint32_t i : touched_) check_about(index, i);
        node.checked = (node.checked + 1) % static_cast<std::uint32_t>(n);
        check_about(index, node.checked);
    }
    if (core.rumors_queued() > n * (options_.confirmations + 5)) {
        violate("rumors-bounded", who + " queues " + std::to_string(core.rumors_queued()));
    }
    if (effects > 256 + 64 * n) {
        violate("effects-bounded", who + " made " + std::to_string(effects) + " effects");
    }
    if (node.timers_pending > 256 + 64 * n) {
        violate("timers-bounded", who + " armed " + std::to_string(node.timers_pending));
    }
}

void World::check_about(std::uint32_t index, std::uint32_t about) {
    Node& node = nodes_[index];
    const Node& other = nodes_[about];
    const Version version = node.core->version_of(other.name);
    if (const Version seen = unpacked(node.seen[about]); version < seen) {
        violate("version-monotone", node.name.str() + " held " + text(seen) + " of " +
                                        other.name.str() + ", now " + text(version) +
                                        ": forgotten or turned back");
    }
    if (version > other.newest) {
        violate("version-signed", node.name.str() + " believes " + text(version) + " of " +
                                      other.name.str() + ", who never said so");
    }
    node.seen[about] = packed(version);
    const ClaimRef claim = node.core->claim_of(other.name);
    if (claim != nullptr && !claim->profile.empty() && claim->profile != profile_of(about)) {
        violate("profile-signed", node.name.str() + " believes of " + other.name.str() +
                                      "'s program what that never said");
    }
}

// Alive again, or in a new life: said of somebody who was alive in this very life, it would make
// a crash of what is none, such as a renewed certificate.
void World::check_told(std::uint32_t index, std::uint32_t about, const Event& event) {
    if (nodes_[about].doubled) return;  // one life is lived by several
    const std::vector<std::uint64_t>& volumes = nodes_[about].volumes;
    const auto volume = std::ranges::upper_bound(volumes, event.version.serial);
    const Life life{volume - volumes.begin(), event.version.generation.value};
    std::optional<Life>& alive = nodes_[index].alive[about];
    if (event.kind == EventKind::kAlive && alive == life) {
        violate("one-life", nodes_[index].name.str() + " says " + event.subject.str() +
                                " lives anew as " + text(event.version) + ", but it went on");
    }
    // Of one that is not known to run, an update is its old word, told whole.
    const bool lives = event.kind == EventKind::kJoined || event.kind == EventKind::kAlive ||
                       (event.kind == EventKind::kUpdated && alive);
    alive = lives ? std::optional(life) : std::nullopt;
}

bool World::everybody_says(std::uint32_t about, Status status) const {
    for (std::uint32_t i = 0; i < plan_.nodes; ++i) {
        if (i == about || !running(i)) continue;
        if (nodes_[i].core->status_of(nodes_[about].name) != status) return false;
    }
    return true;
}

std::string World::services_disagreement() const {
    for (const auto& service : services_) {
        if (std::string why = service->disagreement(); !why.empty()) return why;
    }
    return {};
}

// Old programs drop profiles on the way, but whoever can keep them ends up with all.
std::string World::profiles_disagreement() const {
    for (std::uint32_t i = 0; plan_.mixed && i < plan_.nodes; ++i) {
        if (!running(i) || nodes_[i].left || nodes_[i].old) continue;
        for (std::uint32_t j = 0; j < plan_.nodes; ++j) {
            if (!running(j) || nodes_[j].left || nodes_[j].old) continue;
            const ClaimRef claim = nodes_[i].core->claim_of(nodes_[j].name);
            if (claim != nullptr && claim->profile == profile_of(j)) continue;
            return nodes_[i].name.str() + " does not know what " + nodes_[j].name.str() +
                   "'s program says of itself";
        }
    }
    return {};
}

std::string World::disagreement() const {
    for (std::uint32_t i = 0; i < plan_.nodes; ++i) {
        if (!running(i) || nodes_[i].left) continue;
        for (std::uint32_t j = 0; j < plan_.nodes; ++j) {
            if (i == j) continue;
            const Node& other = nodes_[j];
            const Membership& core = *nodes_[i].core;
            const Status status = core.status_of(other.name);
            const Version version = core.version_of(other.name);
            const auto says = [&](const char* but) {
                return nodes_[i].name.str() + " says " + other.name.str() + " is " +
                       std::string(status_name(status)) + " " + text(version) + ", but " + but;
            };
            if (running(j) && !other.left) {
                if (status != Status::kAlive) return says("it runs");
                if (version != other.core->self()->version) return says("it has moved on");
                continue;
            }
            // Nobody need know who ended before they met.
            const bool unknown = version == Version{};
            // Joining is what a restarted node says of whom it has on disk only.
            const bool gone = status != Status::kAlive && status != Status::kSuspect;
            if (other.started && !unknown && !gone) return says("it is gone");
        }
    }
    return profiles_disagreement();
}

}  // namespace vidai::sim
