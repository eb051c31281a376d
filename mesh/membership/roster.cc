// SPDX-License-Identifier: Apache-2.0
#include "mesh/membership/roster.h"

#include <algorithm>

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

Roster::Roster(ClaimRef self) {
    add(std::move(self), Status::kJoining, MonoTime());
}

std::uint32_t Roster::find(const NodeId& id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? kNone : found->second;
}

std::uint32_t Roster::add(ClaimRef claim, Status status, MonoTime now) {
    const std::uint32_t index = size();
    by_id_.emplace(claim->id, index);
    Member& member = members_.emplace_back();
    member.claim = std::move(claim);
    set_status(index, status, now);
    return index;
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
    return claim.signature > members_[index].claim->signature;
}

}  // namespace vidai::mesh::membership
