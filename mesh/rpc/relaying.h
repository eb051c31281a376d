// SPDX-License-Identifier: Apache-2.0
// By what the relays of a large mesh sign and believe: this node's key, and those by which
// membership knows the others. Mesh thread.
#pragma once

#include <cstdint>
#include <functional>

#include "mesh/limits/counter_relay.h"
#include "mesh/membership/claim.h"
#include "mesh/rpc/replica.h"

namespace vidai::mesh::rpc {

// What membership believes that a node says of itself; null where it knows no such node.
using ClaimOf = std::function<membership::ClaimRef(const NodeId& node)>;

// `replica` outlives what is returned.
limits::RelayCrypto relay_crypto(const Replica& replica, ClaimOf claim_of);

struct RelaySetup {
    ClaimOf claim_of;
    std::uint32_t full_mesh_max = 100;  // as membership::Options has it
    std::uint64_t seed = 0;             // of whom is told by lot
};

}  // namespace vidai::mesh::rpc
