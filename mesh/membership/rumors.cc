// SPDX-License-Identifier: Apache-2.0
#include "mesh/membership/rumors.h"

#include <algorithm>
#include <set>
#include <utility>

namespace vidai::mesh::membership {
namespace {

const NodeId& subject_of(const Rumor& rumor) {
    if (const auto* claim = std::get_if<ClaimRef>(&rumor)) return (*claim)->id;
    return std::get<Accusation>(rumor).subject;
}

bool makes_pointless(const Rumor& newer, const Rumor& queued) {
    if (subject_of(newer) != subject_of(queued)) return false;
    if (std::holds_alternative<ClaimRef>(newer)) return true;
    const auto* old = std::get_if<Accusation>(&queued);
    if (old == nullptr) return false;
    const auto& accusation = std::get<Accusation>(newer);
    return accusation.verdict == Status::kDead || accusation.accuser == old->accuser;
}

}  // namespace

void Rumors::add(Rumor rumor) {
    std::erase_if(queue_, [&](const Queued& old) { return makes_pointless(rumor, old.rumor); });
    const auto later = std::find_if(queue_.begin(), queue_.end(),
                                    [](const Queued& queued) { return queued.told > 0; });
    queue_.insert(later, Queued{std::move(rumor), 0});
}

std::vector<Rumor> Rumors::take(std::size_t most, std::uint32_t transmissions, const May& may) {
    std::set<NodeId> held;
    for (const Queued& queued : queue_) {
        if (!may || !std::holds_alternative<ClaimRef>(queued.rumor)) continue;
        if (!may(subject_of(queued.rumor))) held.insert(subject_of(queued.rumor));
    }
    std::vector<Rumor> out;
    for (Queued& queued : queue_) {
        if (out.size() == most) break;
        if (held.contains(subject_of(queued.rumor))) continue;
        out.push_back(queued.rumor);
        ++queued.told;
    }
    std::erase_if(queue_, [&](const Queued& queued) { return queued.told >= transmissions; });
    std::stable_sort(queue_.begin(), queue_.end(),
                     [](const Queued& a, const Queued& b) { return a.told < b.told; });
    return out;
}

}  // namespace vidai::mesh::membership
