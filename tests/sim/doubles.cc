// SPDX-License-Identifier: Apache-2.0
// Processes from copies of a disk: an old copy, whose generation was used up since, or one beside
// the process that it was copied from. Both break what the mesh relies on, one process for each
// identity and a generation that is never used twice, and nothing can make good what such
// processes count and say under one name. What must hold all the same:
//  - nobody crashes, and every bound holds;
//  - all believe the same one of them, and the others hear of it and end. They are started again,
//    as whatever runs them does, and after healing there is one opinion as always;
//  - nobody else comes to harm: no third is declared dead by any other, is given another's word,
//    or miscounts;
//  - each process's own count is what it counted (counter_checks.cc).
#include <chrono>

#include "tests/sim/world.h"

namespace vidai::sim {

using namespace mesh::membership;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::chrono::seconds kStartedAgain{1};

}  // namespace

void World::copy_disk(std::uint32_t index) {
    Node& node = nodes_[index];
    node.copy = Volume{node.generation, node.volumes.size(),
                       node.core != nullptr ? node.core->claims() : node.volume};
}

// Not beyond a wipe: its certificate, and with it the key, would be no member's any more.
void World::restore_disk(std::uint32_t index) {
    Node& node = nodes_[index];
    if (!node.copy || node.copy->wipes != node.volumes.size()) return;
    remember(node.name.str() + " has its disk as of generation " +
             std::to_string(node.copy->generation));
    node.generation = node.copy->generation;
    node.volume = node.copy->roster;
    node.said = {};
}

std::uint32_t World::clone_disk(std::uint32_t index) {
    const auto process = static_cast<std::uint32_t>(plan_.nodes + clones_++);
    const Node& from = nodes_[index];
    Node& clone = nodes_[process];
    clone.name = from.name;
    clone.identity = index;
    clone.doubled = true;
    clone.life = 1;  // it is no first start: an old program stays what it is
    clone.old = from.old;
    clone.generation = from.generation;
    clone.serial = from.serial;
    clone.volumes = from.volumes;
    clone.volume = from.core != nullptr ? from.core->claims() : from.volume;
    clone.clock = from.clock;
    readdress(process);
    return process;
}

void World::end_clone(std::uint32_t process) {
    nodes_[process].unwanted = true;
    stop(process, false);
}

std::uint32_t World::process_of(std::uint32_t from, std::uint32_t name) const {
    if (!nodes_[name].doubled) return name;
    const auto found = nodes_[from].linked.find(name);
    return found == nodes_[from].linked.end() ? name : found->second;
}

bool World::linked(std::uint32_t from, std::uint32_t to) const {
    return to < plan_.nodes && network_.connected(from, process_of(from, to));
}

// One connection for each name: an older life's does not replace a newer one's (mesh/rpc/duel.h).
bool World::take_link(std::uint32_t index, std::uint32_t peer) {
    const std::uint32_t name = nodes_[peer].identity;
    if (!nodes_[name].doubled) return true;
    const std::uint32_t held = process_of(index, name);
    if (held != peer && network_.connected(index, held)) {
        if (nodes_[peer].generation < nodes_[held].generation) {
            const ClaimRef newer = nodes_[index].core->claim_of(nodes_[name].name);
            if (newer != nullptr) network_.send(index, peer, Message{Gossip{{newer}}});
            network_.close(index, peer);
            return false;
        }
        network_.close(index, held);
    }
    nodes_[index].linked[name] = peer;
    return true;
}

void World::superseded(std::uint32_t index) {
    Node& node = nodes_[index];
    if (!node.doubled) {
        return violate("one-identity", node.name.str() +
                                           " is told that another process runs with "
                                           "its identity, and none ever did");
    }
    // Not at once: the core is in the middle of a turn.
    scheduler_.after({}, [this, index, life = node.life] {
        if (nodes_[index].life == life) stop(index, false);
    });
    scheduler_.after(kStartedAgain, [this, index, life = node.life] {
        const Node& ended = nodes_[index];
        if (ended.life == life && !ended.left && !ended.unwanted) start(index);
    });
}

}  // namespace vidai::sim
