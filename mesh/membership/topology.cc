// SPDX-License-Identifier: Apache-2.0
// How many connections there are: one to every member of a small mesh, the most recently used few
// of a large one. A connection that is given up is given up with a Goodbye, so that its end is
// evidence of nothing.
#include <algorithm>

#include "mesh/membership/core.h"

namespace vidai::mesh::membership {
namespace {

constexpr std::size_t kFarewellsPerTick = 8;
constexpr std::size_t kFillPerTick = 2;
constexpr std::uint32_t kFillTries = 8;  // random members looked at for one that lacks a connection

}  // namespace

// Two thresholds a tenth apart: a mesh of about that size must not open and close connections
// whenever a member comes or goes.
bool Membership::Core::bounded() {
    const std::uint32_t living = roster_.living();
    if (living <= options_.full_mesh_max) {
        if (bounded_) fill_from_ = 1;
        bounded_ = false;
    } else if (living > options_.full_mesh_max + options_.full_mesh_max / 10) {
        bounded_ = true;
    }
    return bounded_;
}

// In a large mesh a connection is made when there is something to say over it. Who has just joined
// one hears of its first hundred members before the rest, and must not dial them all: what does
// not go out at once waits for the next tick, when the size is known.
void Membership::Core::connect_unless_bounded(std::uint32_t index) {
    if (bounded()) return;
    if (dialing_.size() < options_.dials_max) return connect(index);
    fill_from_ = 1;
}

void Membership::Core::set_link(std::uint32_t index, Link link) {
    roster_[index].link = link;
    if (link.up) {
        linked_.insert(index);
    } else {
        linked_.erase(index);
    }
}

void Membership::Core::use(const NodeId& peer) {
    if (!bounded_) return;
    const std::uint32_t index = roster_.find(peer);
    if (index != Roster::kNone) roster_[index].link.used = now_;
}

// Something is under way that a new connection would have to be made for.
bool Membership::Core::busy(std::uint32_t index) const {
    if (probe_.active && probe_.target == index) return true;
    return std::any_of(relays_.begin(), relays_.end(),
                       [&](const Relay& relay) { return relay.target == index; });
}

void Membership::Core::review_links() {
    std::erase_if(dialing_, [&](std::uint32_t i) { return roster_[i].link.dialing_until <= now_; });
    // Whoever does not close after our Goodbye does not know the word: then we close.
    for (const std::uint32_t index : std::vector(linked_.begin(), linked_.end())) {
        const Link& link = roster_[index].link;
        if (!link.parting || now_ - link.used < options_.dial_timeout) continue;
        set_link(index, {});
        out_->push_back(Close{roster_[index].id()});
    }
    if (bounded()) {
        part_with_idle();
        fill_some();
    } else {
        fill_all();
    }
}

void Membership::Core::part_with_idle() {
    std::vector<std::uint32_t> idle;
    std::size_t held = 0;
    for (const std::uint32_t index : linked_) {
        const Link& link = roster_[index].link;
        if (link.parting) continue;
        ++held;
        if (now_ - link.used >= interval_ && !busy(index)) idle.push_back(index);
    }
    if (held <= options_.connections_max) return;
    const std::size_t most =
        std::min({held - options_.connections_max, idle.size(), kFarewellsPerTick});
    const auto end = idle.begin() + static_cast<std::ptrdiff_t>(most);
    std::partial_sort(idle.begin(), end, idle.end(), [&](std::uint32_t a, std::uint32_t b) {
        return roster_[a].link.used < roster_[b].link.used;
    });
    for (auto it = idle.begin(); it != end; ++it) {
        send(roster_[*it].id(), Goodbye{});
        roster_[*it].link.parting = true;
        ++counters_.links_parted;
    }
}

// Gossip needs a few connections before probing has made them.
void Membership::Core::fill_some() {
    std::size_t made = 0;
    for (std::uint32_t i = 0; i < kFillTries && made < kFillPerTick; ++i) {
        if (linked_.size() + dialing_.size() >= options_.connections_max / 2) return;
        const auto index = static_cast<std::uint32_t>(rng_.below(roster_.size()));
        const Member& member = roster_[index];
        if (index == Roster::kSelf || !member.living() || member.link.up) continue;
        connect(index);
        ++made;
    }
}

// Once after the mesh has shrunk, as many at a time as may be dialled at once.
void Membership::Core::fill_all() {
    for (; fill_from_ != 0 && dialing_.size() < options_.dials_max; ++fill_from_) {
        if (fill_from_ >= roster_.size()) {
            fill_from_ = 0;
            return;
        }
        if (roster_[fill_from_].living()) connect(fill_from_);
    }
}

// The other side has no more use for this connection; we close it, so that all we had said has
// been read before. What is under way here goes on over a new one.
void Membership::Core::on_body(const NodeId& from, const Goodbye&) {
    const std::uint32_t index = roster_.find(from);
    if (index == Roster::kNone || !roster_[index].link.up) return;
    set_link(index, {});
    out_->push_back(Close{from});
    if (busy(index)) connect(index);
}

}  // namespace vidai::mesh::membership
