// SPDX-License-Identifier: Apache-2.0
// The invariants: what every step must leave true of the node it ran on, and what healing must
// make true of all.
#include <string>

#include "tests/sim/world.h"

namespace vidai::sim {
namespace {

using namespace mesh::membership;  // NOLINT(google-build-using-namespace)

std::string text(const Version& version) {
    return std::to_string(version.serial) + "/" + std::to_string(version.generation.value) + "/" +
           std::to_string(version.incarnation.value);
}

}  // namespace

void World::check(std::uint32_t index, std::size_t effects) {
    Node& node = nodes_[index];
    const Membership& core = *node.core;
    const std::string& who = node.name.str();
    const std::size_t n = nodes_.size();
    if (const Version& own = core.self()->version; own < node.newest) {
        violate("own-version-monotone", who + " says " + text(own) + " after " + text(node.newest));
    } else {
        node.newest = own;
    }
    for (std::uint32_t i = 0; i < n; ++i) {
        const Version version = core.version_of(nodes_[i].name);
        if (version < node.seen[i]) {
            violate("version-monotone", who + " held " + text(node.seen[i]) + " of " +
                                            nodes_[i].name.str() + ", now " + text(version) +
                                            ": forgotten or turned back");
        }
        if (version > nodes_[i].newest) {
            violate("version-signed", who + " believes " + text(version) + " of " +
                                          nodes_[i].name.str() + ", who never said so");
        }
        node.seen[i] = version;
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

bool World::everybody_says(std::uint32_t about, Status status) const {
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
        if (i == about || !running(i)) continue;
        if (nodes_[i].core->status_of(nodes_[about].name) != status) return false;
    }
    return true;
}

std::string World::disagreement() const {
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
        if (!running(i) || nodes_[i].left) continue;
        for (std::uint32_t j = 0; j < nodes_.size(); ++j) {
            if (i == j) continue;
            const Node& other = nodes_[j];
            const Membership& core = *nodes_[i].core;
            const Status status = core.status_of(other.name);
            const Version version = core.version_of(other.name);
            const std::string says = nodes_[i].name.str() + " says " + other.name.str() + " is " +
                                     std::string(status_name(status)) + " " + text(version);
            if (running(j) && !other.left) {
                if (status != Status::kAlive) return says + ", but it runs";
                if (version != other.core->self()->version) return says + ", but it has moved on";
                continue;
            }
            // Nobody need know who ended before they met.
            const bool unknown = version == Version{};
            // Joining is what a restarted node says of whom it has on disk only.
            const bool gone = status != Status::kAlive && status != Status::kSuspect;
            if (other.started && !unknown && !gone) return says + ", but it is gone";
        }
    }
    return {};
}

}  // namespace vidai::sim
