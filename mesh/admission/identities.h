// SPDX-License-Identifier: Apache-2.0
// Identities: what the operators' and the roots' statements among the registers come to: which keys
// are revoked, which members forgotten, which roots believed. Everybody on the mesh thread who
// verifies a chain shares the revoked keys and the roots, so that a statement is in force the
// moment it is applied. Mesh thread.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "mesh/seal/certificate.h"
#include "mesh/seal/revoked.h"
#include "mesh/seal/roots.h"
#include "mesh/state/register_set.h"
#include "mesh/state/statement.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::admission {

using IdentityChange = std::variant<state::Revocation, state::Forget, seal::Succession>;

class Identities {
  public:
    explicit Identities(std::shared_ptr<seal::Roots> roots) : roots_(std::move(roots)) {}

    // kProtocol: malformed, or against a root itself.
    Result<IdentityChange> read(const state::Statement& statement) const;
    void apply(const IdentityChange& change);
    // Of a root's verified statement whether it can be followed; it is then in force. `held`: what
    // was followed before. kConflict: another one was, and is over, so that the old root has no say
    // any more; kUnauthenticated: of roots that are not this mesh's; kResourceExhausted.
    Result<void> follow(const seal::Succession& said, const state::Register& stated,
                        const state::Register* held, WallTime now);
    // Statements that have outlived every certificate they speak of, taken out of force.
    std::vector<state::RegisterName> collect(WallTime now);

    std::shared_ptr<const seal::RevokedKeys> revoked() const { return revoked_; }
    std::shared_ptr<const seal::Roots> roots() const { return roots_; }

  private:
    const std::shared_ptr<seal::Roots> roots_;
    const std::shared_ptr<seal::RevokedKeys> revoked_ = std::make_shared<seal::RevokedKeys>();
    std::map<seal::PublicKey, WallTime> revoked_until_;
    std::map<NodeId, WallTime> forgotten_;                     // until when
    std::map<seal::PublicKey, seal::Succession> successions_;  // by the old root
};

// When the statement itself has done its work.
WallTime until_of(const IdentityChange& change);
// Two statements by one root that name different new ones: somebody else has its key.
Error root_fork(const seal::PublicKey& from, const seal::PublicKey& followed,
                const seal::PublicKey& refused);

}  // namespace vidai::mesh::admission
