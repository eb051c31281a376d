// SPDX-License-Identifier: Apache-2.0
#include "mesh/capabilities.h"

namespace vidai::mesh {

std::vector<std::string> capability_names(std::uint64_t capabilities) {
    std::vector<std::string> names;
    for (unsigned bit = 0; bit < 64; ++bit) {
        if ((capabilities >> bit & 1) == 0) continue;
        std::string name = "bit-" + std::to_string(bit);
        for (const CapabilityRow& row : kCapabilityTable) {
            if (static_cast<unsigned>(row.bit) == bit) name = row.name;
        }
        names.push_back(std::move(name));
    }
    return names;
}

std::vector<NodeId> lacking(std::span<const Member> members, Capability capability) {
    std::vector<NodeId> without;
    for (const Member& member : members) {
        const bool lives =
            member.status == MemberStatus::kAlive || member.status == MemberStatus::kSuspect;
        if (lives && (member.capabilities & bit_of(capability)) == 0) without.push_back(member.id);
    }
    return without;
}

}  // namespace vidai::mesh
