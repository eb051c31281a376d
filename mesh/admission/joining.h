// SPDX-License-Identifier: Apache-2.0
// The joiner's side: with a token in hand, gets this node's first certificate from the mesh.
// Blocking, on a thread of its own that has a KJ loop; at start.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "mesh/clock.h"
#include "mesh/seal/encoding.h"
#include "mesh/seal/keys.h"
#include "mesh/seal/roots.h"
#include "mesh/seal/token.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::admission {

// What is said of it while it goes on, and whether it should. Both on the caller's thread.
struct JoinWatch {
    // Where it is asked, with an empty `why`; then, every few seconds, why in vain so far.
    std::function<void(const std::string& where, const std::string& why)> asking;
    std::function<bool()> give_up;  // asked some times a second; true: the node is to end
};

// A verified chain for `node` and `key`. `roots`, which begin with the token's, learn of those that
// followed. Asks the token's seeds in turn, again and again for
// `within` while none can be reached or none holds an issuer key; a refusal is final. kUnavailable,
// kUnauthenticated, kPermissionDenied, kConflict, with what to do; kCancelled: `watch` gave up.
Result<seal::Bytes> join_mesh(const seal::JoinToken& token,
                              const std::shared_ptr<seal::Roots>& roots, const NodeId& node,
                              const seal::SecretKey& key, std::chrono::seconds within,
                              const Clock& clock, const JoinWatch& watch);

}  // namespace vidai::mesh::admission
