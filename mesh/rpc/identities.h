// SPDX-License-Identifier: Apache-2.0
// Identities: what the operators' statements among the registers come to: which keys are revoked
// and which members forgotten. Everybody on the mesh thread who verifies a chain shares the set of
// revoked keys, so that a statement is in force the moment it is applied. Mesh thread.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <variant>
#include <vector>

#include "mesh/seal/certificate.h"
#include "mesh/seal/revoked.h"
#include "mesh/state/register_set.h"
#include "mesh/state/statement.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

using IdentityChange = std::variant<state::Revocation, state::Forget>;

class Identities {
  public:
    explicit Identities(const seal::Trust& trust) : root_(trust.root) {}

    // kProtocol: malformed, or against the root itself.
    Result<IdentityChange> read(const state::Statement& statement) const;
    void apply(const IdentityChange& change);
    // Statements that have outlived every certificate they speak of, taken out of force.
    std::vector<state::RegisterName> collect(WallTime now);

    std::shared_ptr<const seal::RevokedKeys> revoked() const { return revoked_; }
    std::size_t forgotten() const { return forgotten_.size(); }

  private:
    const seal::PublicKey root_;
    const std::shared_ptr<seal::RevokedKeys> revoked_ = std::make_shared<seal::RevokedKeys>();
    std::map<seal::PublicKey, WallTime> revoked_until_;
    std::map<NodeId, WallTime> forgotten_;  // until when
};

WallTime until_of(const IdentityChange& change);

}  // namespace vidai::mesh::rpc
