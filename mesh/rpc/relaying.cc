// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/relaying.h"

#include <string>
#include <utility>

#include "mesh/seal/encoding.h"
#include "mesh/seal/keys.h"

namespace vidai::mesh::rpc {

using limits::Authorship;

limits::RelayCrypto relay_crypto(const Replica& replica, ClaimOf claim_of) {
    const auto sign = [&replica](const limits::SignedBatch& said) {
        const std::string bytes = limits::signed_bytes(said);
        return replica.author().key->sign(seal::Domain::kCounterBatch, seal::bytes_of(bytes)).bytes;
    };
    const auto verify = [&replica,
                         claim_of = std::move(claim_of)](const limits::SignedBatch& said) {
        const membership::ClaimRef origin = claim_of(said.batch.node);
        if (origin == nullptr) return Authorship::kUnknown;
        const seal::PublicKey key{origin->key};
        // Whoever tells it may not have heard of the revocation yet.
        if (replica.identities().revoked()->contains(key)) return Authorship::kUnknown;
        const std::string bytes = limits::signed_bytes(said);
        const bool good = seal::verify(key, seal::Domain::kCounterBatch, seal::bytes_of(bytes),
                                       seal::Signature{said.signature});
        return good ? Authorship::kGenuine : Authorship::kForged;
    };
    return {sign, verify};
}

}  // namespace vidai::mesh::rpc
