// SPDX-License-Identifier: Apache-2.0
// A node's next key: that the node which names it holds it, and how it takes the place of the old
// one on the disk. docs/security.md, section 8.
#pragma once

#include <optional>
#include <string>

#include "mesh/seal/disk.h"
#include "mesh/seal/identity.h"
#include "mesh/seal/keys.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::seal {

// Over a connection that has proved `held`, the key that the node has now. Pure.
Signature sign_rotation(const SecretKey& next, const PublicKey& held, const MeshId& mesh,
                        const NodeId& node);
[[nodiscard]] bool verify_rotation(const PublicKey& next, const PublicKey& held, const MeshId& mesh,
                                   const NodeId& node, const Signature& proof);

// Puts a whole identity in the place of the one in DATA_DIR/identity: after a crash at any point
// the next start finds the one or the other. `held`: of a node that others certify. The old key is
// gone from the disk at the end. An error leaves the old identity. Blocking.
Result<void> replace_node_identity(const std::string& data_dir, const NodeIdentity& identity,
                                   const std::optional<StoredMembership>& held,
                                   const Disk& disk = system_disk());
// At a start, before the identity is read: ends what a crash interrupted.
Result<void> settle_node_identity(const std::string& data_dir, const Disk& disk = system_disk());

}  // namespace vidai::mesh::seal
