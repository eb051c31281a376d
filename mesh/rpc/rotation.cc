// SPDX-License-Identifier: Apache-2.0
// The part of MeshThread that gives this node a new key, and that takes the next key of a peer. The
// peers are told first, over connections that prove the old key, so that they take the new one for
// what it is; then the disk has it; only then is it used.
#include "mesh/seal/rotation.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <kj/vector.h>

#include "mesh/capabilities.h"
#include "mesh/rpc/mesh_thread.h"

namespace vidai::mesh::rpc {

namespace {

using Answer = Result<KeyRotation>;

// What the disk is to hold; nothing once that has failed, so that it is not tried again.
struct NextIdentity {
    seal::NodeIdentity identity;
    std::optional<seal::StoredMembership> held;
};

// When the issuer that made this chain was made itself, by its own word.
WallTime certified_since(const seal::Bytes& chain) {
    const auto issuer = seal::decode_issuer(chain);
    return issuer ? issuer->validity.not_before : WallTime{};
}

}  // namespace

Result<void> MeshThread::may_rotate() {
    if (rotating_) return fail(ErrorCode::kConflict, "this node is getting a new key already");
    if (superseded_ || left_ || self_revoked_) {
        return fail(ErrorCode::kConflict,
                    "this node is not in the mesh any more: a new key would not change that");
    }
    const auto without = lacking(view_now()->members, Capability::kRotation);
    if (!without.empty()) return not_known_to(Capability::kRotation, without);
    return {};
}

kj::Promise<Answer> MeshThread::rotate_key() {
    if (auto may = may_rotate(); !may) return Answer(fail(std::move(may).error()));
    rotating_ = true;
    const auto next = std::make_shared<const seal::NodeIdentity>(seal::NodeIdentity{
        std::make_shared<const seal::SecretKey>(seal::SecretKey::generate(random_)),
        startup_.identity.generation});
    auto work = next_certificate(next)
                    .then([this, next](Result<admission::Certified>&& made) -> kj::Promise<Answer> {
                        if (!made) return Answer(fail(std::move(made).error()));
                        return keep_identity(*next, *made)
                            .then([this, next, made = *made](Result<void>&& kept) -> Answer {
                                if (!kept) return fail(std::move(kept).error());
                                return take_key(*next, made);
                            });
                    })
                    .catch_([](kj::Exception&& e) -> Answer {
                        return fail(ErrorCode::kInternal, e.getDescription().cStr());
                    });
    // It goes on though the operator goes away: the disk and this node must agree on the key.
    auto answered = kj::newPromiseAndFulfiller<Answer>();
    tasks_.add(work.then([this, done = kj::mv(answered.fulfiller)](Answer&& answer) mutable {
        rotating_ = false;
        done->fulfill(std::move(answer));
    }));
    return kj::mv(answered.promise);
}

kj::Promise<Result<admission::Certified>> MeshThread::next_certificate(
    std::shared_ptr<const seal::NodeIdentity> next) {
    const seal::PublicKey key = next->key->public_key();
    const seal::Signature proof = seal::sign_rotation(
        *next->key, certified_.who.key, certified_.credentials->trust.mesh, startup_.node);
    auto offers = std::make_shared<std::vector<seal::Bytes>>();
    kj::Vector<kj::Promise<void>> told;
    links_.for_each([&](const NodeId&, Session& session) {
        told.add(session.rotate_key(key, proof).then([offers](seal::Bytes&& chain) {
            if (!chain.empty()) offers->push_back(std::move(chain));
        }));
    });
    return kj::joinPromises(told.releaseAsArray())
        .then([this, next, offers]() -> Result<admission::Certified> {
            if (registrar_.can_certify()) {
                return admission::certify(*startup_.roots, *registrar_.issuer(), startup_.node,
                                          *next, wall_now(), random_, certified_.serial);
            }
            // By the newest issuer first, so that a node gets away from one that is to be revoked.
            std::ranges::stable_sort(*offers, std::greater<>(), certified_since);
            for (const seal::Bytes& chain : *offers) {
                auto made = admission::certified_by(*startup_.roots, startup_.node, *next, chain,
                                                    wall_now(), random_);
                if (made && made->serial > certified_.serial &&
                    startup_.roots->believes(made->who.root, wall_now())) {
                    return made;
                }
            }
            return fail(ErrorCode::kUnavailable,
                        "no node with an issuer key is connected to this one: its key stays as it "
                        "is. Try again once one is",
                        "no_issuer");
        });
}

kj::Promise<Result<void>> MeshThread::keep_identity(const seal::NodeIdentity& next,
                                                    const admission::Certified& made) {
    auto wanted = std::make_shared<std::optional<NextIdentity>>(NextIdentity{next, std::nullopt});
    // A renewal that is on its way into the folder must not end in the new one.
    kj::Promise<Result<void>> settled = Result<void>();
    if (certificate_saver_ != nullptr) {
        (*wanted)->held = {made.credentials->trust, *made.chain, startup_.joined_at};
        settled = certificate_saver_->save();
    }
    return settled.then([this, wanted](Result<void>&& saved) -> kj::Promise<Result<void>> {
        if (!saved) return Result<void>(fail(std::move(saved).error()));
        identity_saver_ = std::make_unique<Saver>(
            [wanted, folder = startup_.data_dir.path()](const seal::Bytes&) -> Result<void> {
                if (!*wanted) return {};
                return seal::replace_node_identity(folder, (*wanted)->identity, (*wanted)->held);
            },
            descriptors_, []() { return seal::Bytes(); }, [](const Result<void>&) {});
        return identity_saver_->save().then([wanted](Result<void>&& result) {
            wanted->reset();
            return kj::mv(result);
        });
    });
}

KeyRotation MeshThread::take_key(const seal::NodeIdentity& next, const admission::Certified& made) {
    const seal::PublicKey old = certified_.who.key;
    const Generation counted = startup_.identity.generation;  // perhaps outgrown meanwhile
    startup_.identity = next;
    startup_.identity.generation = std::max(next.generation, counted);
    take_certificate(made);
    links_.reauthenticate();
    saver_.mark_dirty();
    publish_view();
    KeyRotation done{startup_.node, seal::fingerprint(made.who.key), seal::to_hex(old.bytes),
                     seal::fingerprint(old), made.who.valid_until};
    notice(Notice::Kind::kIdentity, startup_.node.str(), "key_rotated",
           "key " + done.fingerprint + " has taken the place of " + done.old_key);
    return done;
}

seal::Bytes MeshThread::rotate_for(const seal::PeerIdentity& peer, const seal::PublicKey& next,
                                   const seal::Signature& proof) {
    const MeshId& mesh = certified_.credentials->trust.mesh;
    const bool fine = seal::verify_rotation(next, peer.key, mesh, peer.node, proof) &&
                      !replica_.identities().revoked()->contains(next);
    if (!fine) {
        notice(Notice::Kind::kTrouble, peer.node.str(), "bad_proof",
               "it does not hold the key that it names as its next one, or that key is revoked");
        return {};
    }
    links_.expect_key(peer.node, peer.key, next);
    key_watch_.expect(peer.node, next);
    auto chain = registrar_.rotate(peer, next, wall_now());
    return chain ? std::move(*chain) : seal::Bytes();
}

}  // namespace vidai::mesh::rpc
