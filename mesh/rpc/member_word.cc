// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/member_word.h"

#include <string>
#include <utility>

#include "mesh/capabilities.h"
#include "mesh/seal/domain.h"
#include "mesh/seal/encoding.h"
#include "mesh/seal/keys.h"
#include "mesh/wire_version.h"

namespace vidai::mesh::rpc {

namespace {

namespace ms = vidai::mesh::membership;

seal::Signature sign_text(const seal::SecretKey& key, seal::Domain domain,
                          const std::string& text) {
    return key.sign(domain, seal::bytes_of(text));
}

bool has_signed(const ms::Claim& claim, seal::Domain domain, const std::string& text,
                const ms::SignatureBytes& signature) {
    return seal::verify(seal::PublicKey{claim.key}, domain, seal::bytes_of(text),
                        seal::Signature{signature});
}

bool signed_by_key(const ms::Claim& claim) {
    return has_signed(claim, seal::Domain::kMemberRecord, ms::signed_bytes(claim),
                      claim.signature) &&
           (claim.profile.empty() ||
            has_signed(claim, seal::Domain::kMemberProfile, ms::signed_profile(claim),
                       claim.profile_signature));
}

}  // namespace

ms::Identity identity_of(const Startup& startup) {
    return {startup.node,
            startup.identity.key->public_key().bytes,
            startup.certified.serial,
            startup.identity.generation,
            std::string(seal::text_of(*startup.certified.chain)),
            ms::encode_profile({startup.options.program_version, kCapabilities})};
}

ms::Crypto crypto_of(const Startup& startup, const admission::Certified& certified,
                     std::shared_ptr<const seal::RevokedKeys> revoked) {
    return {[&certified](ms::Claim& claim) {
                const auto& key = certified.credentials->key;
                claim.signature =
                    sign_text(*key, seal::Domain::kMemberRecord, ms::signed_bytes(claim)).bytes;
                if (claim.profile.empty()) return;
                claim.profile_signature =
                    sign_text(*key, seal::Domain::kMemberProfile, ms::signed_profile(claim)).bytes;
            },
            [roots = startup.roots, revoked = std::move(revoked),
             clock = startup.options.clock](const ms::Claim& claim) {
                const auto who =
                    roots->verify_chain(clock->wall_now(), seal::bytes_of(claim.credential));
                if (!who || who->node != claim.id || who->key.bytes != claim.key ||
                    who->serial != claim.version.serial || !who->roles.has(seal::Role::kPeer) ||
                    revoked->covers(*who)) {
                    return false;
                }
                return signed_by_key(claim);
            },
            signed_by_key};
}

bool can(const ms::ClaimRef& claim, Capability capability) {
    const auto profile = ms::decode_profile(claim ? claim->profile : std::string());
    return profile && (profile->capabilities & bit_of(capability)) != 0;
}

// A program refuses a page with a kind that it does not know, and all else that is in it.
state::RegisterKind newest_kind(const ms::ClaimRef& claim) {
    if (can(claim, Capability::kRateCards)) return state::RegisterKind::kCard;
    if (can(claim, Capability::kLedger)) return state::RegisterKind::kGenesis;
    if (can(claim, Capability::kLimits)) return state::RegisterKind::kLimit;
    return can(claim, Capability::kRootStatements) ? state::RegisterKind::kRoot
                                                   : state::RegisterKind::kForget;
}

}  // namespace vidai::mesh::rpc
