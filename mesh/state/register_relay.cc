// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/register_relay.h"

#include "schema/base/mutant.h"

namespace vidai::mesh::state {

// Whose quota is whole again needs no memory of it; a full table is emptied, which lets each
// author's burst through once more.
bool RegisterRelay::takes(const NodeId& author, std::size_t bytes, MonoTime now) {
    if (!authors_.contains(author) && authors_.size() >= options_.authors_max) authors_.clear();
    return authors_[author].take(static_cast<double>(bytes), options_.bytes, now);
}

std::vector<NodeId> RegisterRelay::next(const NodeId& author, const NodeId& from, std::size_t bytes,
                                        std::uint32_t nodes, MonoTime now) {
    if (nodes <= options_.full_mesh_max || VIDAI_MUTANT("relay-ends-here")) return {};
    return next_of_found(author, from, bytes, now);
}

std::vector<NodeId> RegisterRelay::next_of_found(const NodeId& author, const NodeId& from,
                                                 std::size_t bytes, MonoTime now) {
    if (!takes(author, bytes, now)) return {};
    return peers_.draw(options_.fanout,
                       [&](const NodeId& peer) { return peer != from && peer != author; });
}

}  // namespace vidai::mesh::state
