// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/register_relay.h"

#include <algorithm>

#include "schema/base/mutant.h"

namespace vidai::mesh::state {

// Whose quota is whole again needs no memory of it; a full table is emptied, which lets each
// author's burst through once more.
bool RegisterRelay::takes(const NodeId& author, std::size_t bytes, MonoTime now) {
    if (!authors_.contains(author) && authors_.size() >= options_.authors_max) authors_.clear();
    Quota& quota = authors_.try_emplace(author, Quota{0, now}).first->second;
    const double seconds = std::chrono::duration<double>(now - quota.at).count();
    quota.spent = std::max(0.0, quota.spent - seconds * options_.bytes_per_second);
    quota.at = now;
    if (quota.spent + static_cast<double>(bytes) > options_.burst) return false;
    quota.spent += static_cast<double>(bytes);
    return true;
}

std::vector<NodeId> RegisterRelay::next(const NodeId& author, const NodeId& from, std::size_t bytes,
                                        std::uint32_t nodes, MonoTime now) {
    if (nodes <= options_.full_mesh_max || VIDAI_MUTANT("relay-ends-here")) return {};
    if (!takes(author, bytes, now)) return {};
    return peers_.draw(options_.fanout,
                       [&](const NodeId& peer) { return peer != from && peer != author; });
}

}  // namespace vidai::mesh::state
