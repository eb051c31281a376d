// SPDX-License-Identifier: Apache-2.0
#include "mesh/membership/roster.h"

#include <algorithm>
#include <functional>
#include <tuple>

#include "schema/base/mutant.h"

namespace vidai::mesh::membership {

std::uint32_t Suspicion::refusers() const {
    return static_cast<std::uint32_t>(
        std::count_if(accusers.begin(), accusers.end(),
                      [](const auto& entry) { return entry.second == Evidence::kRefused; }));
}

bool Suspicion::add(const NodeId& accuser, Evidence evidence) {
    for (auto& [known, had] : accusers) {
        if (known != accuser) continue;
        if (evidence <= had) return false;
        had = evidence;
        return true;
    }
    // Two refusals decide, so they are heard even when there are silent accusers enough.
    const std::size_t bound = times.expected + (evidence == Evidence::kRefused ? 3U : 1U);
    if (accusers.size() >= bound) return false;
    accusers.emplace_back(accuser, evidence);
    return true;
}

MonoTime Suspicion::deadline() const {
    const auto confirmations = static_cast<std::uint32_t>(accusers.size() - 1);
    return started + suspicion_timeout(times, confirmations);
}

bool Member::accused_by(const NodeId& accuser) const {
    return suspicion && std::ranges::any_of(suspicion->accusers, [&](const auto& entry) {
               return entry.first == accuser;
           });
}

Roster::Roster(ClaimRef self) {
    build_table(8);
    add(std::move(self), Status::kJoining, MonoTime());
}

std::size_t Roster::slot_of(const NodeId& id) const {
    const std::size_t mask = table_.size() - 1;
    std::size_t slot = std::hash<NodeId>()(id) & mask;
    while (table_[slot] != kNone && members_[table_[slot]].id() != id) slot = (slot + 1) & mask;
    return slot;
}

void Roster::build_table(std::size_t slots) {
    table_.assign(slots, kNone);
    for (const std::uint32_t index : by_id_) table_[slot_of(members_[index].id())] = index;
}

std::uint32_t Roster::find(const NodeId& id) const {
    return table_[slot_of(id)];
}

std::size_t Roster::lower_bound(const NodeId& id) const {
    const auto at = std::ranges::lower_bound(
        by_id_, id, {},
        [this](std::uint32_t index) -> const NodeId& { return members_[index].id(); });
    return static_cast<std::size_t>(at - by_id_.begin());
}

std::uint32_t Roster::add(ClaimRef claim, Status status, MonoTime now) {
    std::uint32_t index = size();
    if (free_.empty()) {
        // By an eighth, not twice: an entry is much larger than moving it is dear.
        if (members_.size() == members_.capacity()) members_.reserve(index + index / 8 + 8);
        members_.emplace_back();
    } else {
        index = free_.back();
        free_.pop_back();
        const Member old = std::move(members_[index]);
        members_[index] = {};
        members_[index].suspicion_timer = old.suspicion_timer;
        members_[index].reconnect_timer = old.reconnect_timer;
    }
    const std::size_t place = lower_bound(claim->id);
    if (2 * (by_id_.size() + 1) > table_.size()) build_table(2 * table_.size());
    table_[slot_of(claim->id)] = index;
    by_id_.insert(by_id_.begin() + static_cast<std::ptrdiff_t>(place), index);
    members_[index].claim = std::move(claim);
    members_[index].addressed = now;
    set_status(index, status, now);
    return index;
}

void Roster::forget(std::uint32_t index, MonoTime now) {
    Member& member = members_[index];
    set_status(index, Status::kLeft, now);
    by_id_.erase(by_id_.begin() + static_cast<std::ptrdiff_t>(lower_bound(member.id())));
    build_table(table_.size());
    member.link = {};
    member.forgotten = true;
    ++member.suspicion_timer;
    ++member.reconnect_timer;
    free_.push_back(index);
}

void Roster::set_status(std::uint32_t index, Status status, MonoTime now) {
    Member& member = members_[index];
    const bool was_living = member.living();
    member.status = status;
    member.since = now;
    if (status != Status::kSuspect) member.suspicion.reset();
    if (index != kSelf) living_ += (member.living() ? 1U : 0U) - (was_living ? 1U : 0U);
}

bool Roster::supersedes(const Claim& claim, std::uint32_t index) const {
    const Version& known = members_[index].version();
    if (VIDAI_MUTANT("generation-not-honoured")) {
        return claim.version.incarnation > known.incarnation;
    }
    if (claim.version != known) return claim.version > known;
    // Two words of one version: two processes have one identity. All must believe the same one.
    // Of one word with its profile and without, as an old program passes it on, the whole one.
    const Claim& held = *members_[index].claim;
    return std::tie(claim.signature, claim.profile_signature) >
           std::tie(held.signature, held.profile_signature);
}

}  // namespace vidai::mesh::membership
