// SPDX-License-Identifier: Apache-2.0
#include "mesh/admission/identities.h"

#include <utility>

#include "mesh/seal/keys.h"
#include "mesh/state/succession.h"

namespace vidai::mesh::admission {

using state::RegisterKind;

WallTime until_of(const IdentityChange& change) {
    const WallTime until = std::visit([](const auto& said) { return said.until; }, change);
    const bool root = std::holds_alternative<seal::Succession>(change);
    return root ? until + seal::kSuccessionMemory : until;
}

Error root_fork(const seal::PublicKey& from, const seal::PublicKey& followed,
                const seal::PublicKey& refused) {
    return {
        ErrorCode::kConflict,
        "the root " + seal::fingerprint(from) + " has named two roots to follow it: this node " +
            "goes by " + seal::fingerprint(followed) + " and not by " + seal::fingerprint(refused) +
            ". Somebody else holds the old root's key: retire it now with `vidaictl mesh rotate "
            "root --retire`",
        "root_fork"};
}

Result<IdentityChange> Identities::read(const state::Statement& statement) const {
    if (statement.kind == RegisterKind::kForget) {
        auto said = state::decode_forget(statement);
        if (!said) return fail(std::move(said).error());
        return IdentityChange(std::move(*said));
    }
    if (statement.kind == RegisterKind::kRoot) {
        auto said = state::decode_succession(statement);
        if (!said) return fail(std::move(said).error());
        return IdentityChange(*said);
    }
    auto said = state::decode_revocation(statement);
    if (!said) return fail(std::move(said).error());
    if (said->key == seal::PublicKey()) {
        return fail(ErrorCode::kProtocol, "a revocation names no key: nobody has the key of zeros",
                    "zero_key");
    }
    if (roots_->knows(said->key)) {
        return fail(ErrorCode::kProtocol,
                    "the root cannot be revoked: roll it over with `vidaictl mesh rotate root`",
                    "root");
    }
    return IdentityChange(std::move(*said));
}

void Identities::apply(const IdentityChange& change) {
    if (const auto* forget = std::get_if<state::Forget>(&change)) {
        forgotten_[forget->node] = forget->until;
        return;
    }
    if (std::holds_alternative<seal::Succession>(change)) return;  // follow() did it
    const auto& revocation = std::get<state::Revocation>(change);
    revoked_->add(revocation.key);
    revoked_until_[revocation.key] = revocation.until;
}

Result<void> Identities::follow(const seal::Succession& said, const state::Register& stated,
                                const state::Register* held, WallTime now) {
    if (held != nullptr) {
        const auto before = state::decode_succession(held->statement);
        if (before && before->to != said.to && before->until <= now) {
            return fail(root_fork(said.from, before->to, said.to));
        }
    }
    switch (roots_->add(said, state::pack_succession(stated))) {
        case seal::Roots::Added::kUnconnected:
            return fail(ErrorCode::kUnauthenticated,
                        "a root's statement is about roots that are not this mesh's",
                        "root_unknown");
        case seal::Roots::Added::kFull:
            return fail(ErrorCode::kResourceExhausted,
                        "this mesh's root has rolled over as often as nodes remember: wait until "
                        "the oldest is forgotten, 400 days after it was retired",
                        "roots");
        case seal::Roots::Added::kTaken:
            break;
    }
    successions_[said.from] = said;
    return {};
}

std::vector<state::RegisterName> Identities::collect(WallTime now) {
    std::vector<state::RegisterName> over;
    std::erase_if(revoked_until_, [&](const auto& entry) {
        if (!state::is_over(entry.second, now)) return false;
        revoked_->remove(entry.first);
        over.push_back({RegisterKind::kRevocation, state::revocation_id(entry.first)});
        return true;
    });
    std::erase_if(successions_, [&](const auto& entry) {
        if (until_of(entry.second) > now) return false;
        over.push_back({RegisterKind::kRoot, state::revocation_id(entry.first)});
        return true;
    });
    roots_->collect(now);
    std::erase_if(forgotten_, [&](const auto& entry) {
        if (!state::is_over(entry.second, now)) return false;
        over.push_back({RegisterKind::kForget, entry.first.str()});
        return true;
    });
    return over;
}

}  // namespace vidai::mesh::admission
