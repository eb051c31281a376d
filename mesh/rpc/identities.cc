// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/identities.h"

#include <utility>

namespace vidai::mesh::rpc {

using state::RegisterKind;

WallTime until_of(const IdentityChange& change) {
    return std::visit([](const auto& said) { return said.until; }, change);
}

Result<IdentityChange> Identities::read(const state::Statement& statement) const {
    if (statement.kind == RegisterKind::kForget) {
        auto said = state::decode_forget(statement);
        if (!said) return fail(std::move(said).error());
        return IdentityChange(std::move(*said));
    }
    auto said = state::decode_revocation(statement);
    if (!said) return fail(std::move(said).error());
    if (said->key == root_) {
        return fail(ErrorCode::kProtocol, "the root cannot be revoked: it is what makes the mesh",
                    "root");
    }
    return IdentityChange(std::move(*said));
}

void Identities::apply(const IdentityChange& change) {
    if (const auto* forget = std::get_if<state::Forget>(&change)) {
        forgotten_[forget->node] = forget->until;
        return;
    }
    const auto& revocation = std::get<state::Revocation>(change);
    revoked_->add(revocation.key);
    revoked_until_[revocation.key] = revocation.until;
}

std::vector<state::RegisterName> Identities::collect(WallTime now) {
    std::vector<state::RegisterName> over;
    std::erase_if(revoked_until_, [&](const auto& entry) {
        if (!state::is_over(entry.second, now)) return false;
        revoked_->remove(entry.first);
        over.push_back({RegisterKind::kRevocation, state::revocation_id(entry.first)});
        return true;
    });
    std::erase_if(forgotten_, [&](const auto& entry) {
        if (!state::is_over(entry.second, now)) return false;
        over.push_back({RegisterKind::kForget, entry.first.str()});
        return true;
    });
    return over;
}

}  // namespace vidai::mesh::rpc
