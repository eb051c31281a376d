// SPDX-License-Identifier: Apache-2.0
#include "mesh/admission/registrar.h"

#include <chrono>
#include <memory>

#include "mesh/seal/token.h"

namespace vidai::mesh::admission {

namespace {

// How long a joiner may take from its certificate to its first word in the mesh.
constexpr std::chrono::minutes kArrival{15};

std::unexpected<Error> no_issuer() {
    return fail(ErrorCode::kUnavailable,
                "the node that was asked holds no issuer key: only one that was started with "
                "mesh.issuer_file certifies others",
                "no_issuer");
}

}  // namespace

Result<CreatedToken> Registrar::make_token(const TokenRequest& request, WallTime now) const {
    if (!issuer_) {  // it did answer, and asking it again is of no use
        return fail(
            ErrorCode::kConflict,
            "the node that was asked holds no issuer key and so cannot make tokens: ask one "
            "that was started with mesh.issuer_file, with --server HOST:PORT",
            "no_issuer");
    }
    if (request.seeds.empty() || !seal::are_seeds(request.seeds)) {
        return fail(ErrorCode::kInvalidRequest,
                    "a token names 1 to 16 seeds, each HOST:PORT or "
                    "dnssrv+NAME",
                    "--seed");
    }
    const auto key = std::make_shared<const seal::SecretKey>(seal::SecretKey::generate(random_));
    auto chain = seal::issue_join_certificate(*issuer_, request.node_pattern, key->public_key(),
                                              now, request.ttl, random_);
    if (!chain) return fail(std::move(chain).error());
    const seal::JoinToken token{{issuer_->trust, key, std::move(*chain)}, request.seeds};
    return CreatedToken{seal::encode_token(token), now + request.ttl, request.seeds,
                        seal::to_hex(key->public_key().bytes)};
}

Result<seal::Bytes> Registrar::admit(const seal::PeerIdentity& token, const Binding& binding,
                                     const JoinRequest& request, WallTime now) {
    if (!issuer_) return no_issuer();
    if (!informed_()) {
        return fail(ErrorCode::kUnavailable,
                    "this node has just started and does not know yet which node ids are taken: "
                    "try again",
                    "busy");
    }
    // Without the tolerance that other certificates have: who made it is who looks at it.
    if (now > token.valid_until) {
        return fail(ErrorCode::kUnauthenticated,
                    "the join token has expired: make another with `vidaictl mesh token create`",
                    "token_expired");
    }
    auto node = parse_node_id(request.node);
    if (!node || !seal::matches(token.node.str(), *node)) {
        return fail(ErrorCode::kPermissionDenied,
                    "the join token is for nodes of the form '" + token.node.str() + "', not '" +
                        request.node.substr(0, 64) + "': change the node id, or make another token",
                    "token_pattern");
    }
    if (!seal::verify_request(request.key, binding, issuer_->trust.mesh, *node, request.proof)) {
        return fail(ErrorCode::kUnauthenticated,
                    "the joiner does not hold the key that it wants certified", "bad_proof");
    }
    std::erase_if(given_, [&](const auto& entry) { return entry.second.until < now; });
    std::optional<KnownNode> first = known_(*node);
    const auto given = given_.find(*node);
    if (!first && given != given_.end()) first = KnownNode{given->second.key};
    if (first && first->key != request.key) {
        return fail(ErrorCode::kConflict,
                    "another key is known under the node id '" + node->str() + "', " +
                        seal::to_hex(first->key.bytes) +
                        ": if that node is gone for good, `vidaictl node forget " + node->str() +
                        "` first, or void the key with `vidaictl mesh revoke --key " +
                        seal::to_hex(first->key.bytes) + "`; else choose another node id",
                    "key_conflict");
    }
    if (given == given_.end() && given_.size() >= kGivenMax) {
        return fail(ErrorCode::kUnavailable, "too many nodes join at once: try again", "busy");
    }
    auto chain = seal::issue_node_certificate(
        *issuer_, *node, request.key, now, seal::kNodeValidity, random_, first ? first->serial : 0);
    if (chain) given_[*node] = {now + kArrival, request.key, issuer_->key->public_key()};
    return chain;
}

// Of this node under any key. A key that another one has followed is worth nothing any more.
Result<std::uint64_t> Registrar::last_serial(const seal::PeerIdentity& peer) const {
    const std::optional<KnownNode> known = known_(peer.node);
    if (!known || known->serial <= peer.serial) return peer.serial;
    if (known->key == peer.key) return known->serial;
    return fail(ErrorCode::kConflict,
                "node '" + peer.node.str() +
                    "' has got another key since: the old one is not "
                    "certified again. If that was not its operator, revoke the new key",
                "key_conflict");
}

Result<seal::Bytes> Registrar::renew(const seal::PeerIdentity& peer, WallTime now) const {
    if (!issuer_) return no_issuer();
    const auto last = last_serial(peer);
    if (!last) return fail(last.error());
    return seal::issue_node_certificate(*issuer_, peer.node, peer.key, now, seal::kNodeValidity,
                                        random_, *last);
}

Result<seal::Bytes> Registrar::rotate(const seal::PeerIdentity& peer, const seal::PublicKey& next,
                                      WallTime now) {
    if (!issuer_) return no_issuer();
    const auto last = last_serial(peer);
    if (!last) return fail(last.error());
    auto chain = seal::issue_node_certificate(*issuer_, peer.node, next, now, seal::kNodeValidity,
                                              random_, *last);
    const auto given = given_.find(peer.node);
    if (chain && given != given_.end()) given->second.key = next;
    return chain;
}

}  // namespace vidai::mesh::admission
