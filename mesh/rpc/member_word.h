// SPDX-License-Identifier: Apache-2.0
// How this node speaks of itself in the membership protocol, and whose word about itself it
// believes. Mesh thread.
#pragma once

#include <memory>

#include "mesh/capabilities.h"
#include "mesh/membership/claim.h"
#include "mesh/rpc/startup.h"
#include "mesh/seal/revoked.h"
#include "mesh/state/register.h"

namespace vidai::mesh::rpc {

membership::Identity identity_of(const Startup& startup);
// Signs with the key that is certified, which outlives it, at the time; believes what the roots, as
// they are then, and `revoked` allow.
membership::Crypto crypto_of(const Startup& startup, const admission::Certified& certified,
                             std::shared_ptr<const seal::RevokedKeys> revoked);

// By its own word; null: nothing known.
bool can(const membership::ClaimRef& claim, Capability capability);
// The newest kind of register that a member's program can read, by its word; null: nothing known.
state::RegisterKind newest_kind(const membership::ClaimRef& claim);

}  // namespace vidai::mesh::rpc
