// SPDX-License-Identifier: Apache-2.0
// The part of MeshThread that is about who may say what: its own certificate, which it renews by
// itself or by the grace of a peer, those it gives to others, and how much a peer may send.
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "mesh/rpc/mesh_thread.h"
#include "mesh/seal/identity_store.h"
#include "mesh/seeds/seed_names.h"
#include "schema/base/time_text.h"

namespace vidai::mesh::rpc {

namespace {

namespace ms = vidai::mesh::membership;

constexpr std::chrono::minutes kRenewalRetry{5};
constexpr std::chrono::seconds kRootRetry{10}, kIssuerLook{5};
constexpr std::size_t kTokenSeedsMax = 5;

}  // namespace

Links::Self link_self(const Startup& startup, const admission::Certified& certified,
                      const admission::Identities& identities) {
    return {startup.node,
            certified.credentials,
            {startup.identity.generation, kWire, startup.address},
            certified.who.valid_until,
            startup.options.reauthenticate,
            identities.revoked(),
            identities.roots()};
}

Author author_of(const Startup& startup, const admission::Certified& certified) {
    return {startup.node, startup.identity.key, certified.chain};
}

bool MeshThread::behind_the_root() const {
    return certified_.who.root != startup_.roots->newest().root;
}

// The file is replaced in place, by a mounted secret or a person, when the root rolls over or the
// issuer gets a new key. It is small and read once for each change, so on this thread.
void MeshThread::reload_issuer(WallTime now) {
    const std::string& path = startup_.options.issuer_file;
    if (path.empty() || now < issuer_look_at_) return;
    issuer_look_at_ = now + kIssuerLook;
    const std::string stamp = seal::change_stamp(path);
    if (stamp == std::exchange(issuer_seen_, stamp)) return;
    auto issuer = admission::load_issuer(startup_.options);
    const auto& held = registrar_.issuer();
    if (issuer && held && issuer->certificate == held->certificate) return;
    if (issuer && !startup_.roots->knows(issuer->trust.root)) {
        issuer_seen_.clear();  // the statement of its root is on its way, as a rule: look again
        return;
    }
    if (issuer && !startup_.roots->believes(issuer->trust.root, now)) {
        issuer = fail(ErrorCode::kUnauthenticated, path + " is under a root that was retired");
    }
    if (!issuer) {
        return notice(Notice::Kind::kTrouble, startup_.node.str(), "issuer_not_reloaded",
                      issuer.error().message + ". The issuer key read before stays in use");
    }
    registrar_.set_issuer(std::move(*issuer));
    certified_.renew_at = now;
    notice(Notice::Kind::kIdentity, startup_.node.str(), "issuer_reloaded");
}

void MeshThread::renew_if_due(WallTime now) {
    if (rotating_ || now < certified_.renew_at) return;
    certified_.renew_at = now + (behind_the_root() ? kRootRetry : kRenewalRetry);
    const seal::PublicKey newest = startup_.roots->newest().root;
    if (!registrar_.can_certify() ||
        (behind_the_root() && registrar_.issuer()->trust.root != newest)) {
        std::vector<NodeId> peers;
        links_.for_each([&](const NodeId& peer, Session&) { peers.push_back(peer); });
        tasks_.add(ask_for_certificate(std::move(peers)));
        return;
    }
    auto renewed = admission::certify(*startup_.roots, *registrar_.issuer(), startup_.node,
                                      startup_.identity, now, random_, certified_.serial);
    if (renewed) return take_certificate(std::move(*renewed));
    notice(Notice::Kind::kTrouble, startup_.node.str(), "certificate_not_renewed",
           renewed.error().message);
}

kj::Promise<void> MeshThread::ask_for_certificate(std::vector<NodeId> peers) {
    if (peers.empty()) {
        notice(Notice::Kind::kTrouble, startup_.node.str(), "certificate_not_renewed",
               std::string("no node with an issuer key ") +
                   (behind_the_root() ? "under the new root " : "") +
                   "is connected; this node's certificate is valid until " +
                   time_text(certified_.who.valid_until) + ", and it is tried again");
        return kj::READY_NOW;
    }
    Session* const session = links_.find(peers.back());
    peers.pop_back();
    if (session == nullptr) return ask_for_certificate(std::move(peers));
    return session->renew_certificate().then([this, peers = std::move(peers)](
                                                 seal::Bytes&& chain) mutable -> kj::Promise<void> {
        if (rotating_) return kj::READY_NOW;
        auto renewed = admission::certified_by(*startup_.roots, startup_.node, startup_.identity,
                                               std::move(chain), wall_now(), random_);
        // Another one under the old root is worth taking only where ours comes to its end.
        const auto leaf = seal::decode_leaf(*certified_.chain);
        const bool due = !leaf || seal::renewal_due(leaf->validity) <= wall_now();
        const bool newer = renewed && renewed->serial > certified_.serial;
        if (!newer || (!due && renewed->who.root != startup_.roots->newest().root)) {
            return ask_for_certificate(std::move(peers));
        }
        take_certificate(std::move(*renewed));
        return kj::READY_NOW;
    });
}

void MeshThread::take_certificate(admission::Certified renewed) {
    const bool back = !startup_.roots->believes(certified_.who.root, wall_now());
    certified_ = std::move(renewed);
    links_.set_self(link_self(startup_, certified_, replica_.identities()));
    replica_.set_author(author_of(startup_, certified_));
    if (certificate_saver_) certificate_saver_->mark_dirty();
    ms::Effects effects;
    membership_.renew(mono_now(), certified_.who.key.bytes, certified_.serial,
                      std::string(seal::text_of(*certified_.chain)), effects);
    perform(effects);
    // Its issuer was revoked, and this node has a new one's word.
    if (self_revoked_ && !replica_.identities().revoked()->covers(certified_.who)) {
        self_revoked_ = false;
        links_.open();
        publish_readiness();
    }
    // Peers let us in for this only; now they take us for what we are.
    if (back) tasks_.add(kj::evalLater([this]() { links_.close_all(); }));
}

std::optional<admission::KnownNode> MeshThread::known_node(const NodeId& node) const {
    const ms::ClaimRef claim = membership_.claim_of(node);
    if (claim == nullptr) return std::nullopt;
    return admission::KnownNode{{claim->key}, claim->version.serial};
}

seal::Bytes MeshThread::renew_for(const seal::PeerIdentity& peer) {
    auto chain = registrar_.renew(peer, wall_now());
    if (!chain) return {};
    notice(Notice::Kind::kIdentity, peer.node.str(), "certified",
           "key " + seal::to_hex(peer.key.bytes) + ", as its certificate before");
    return std::move(*chain);
}

Result<seal::Bytes> MeshThread::certify_joiner(const seal::PeerIdentity& token,
                                               const admission::Binding& binding,
                                               const admission::JoinRequest& request) {
    Result<seal::Bytes> chain =
        fail(ErrorCode::kConflict, "that key was revoked: give the node a new data directory",
             "key_conflict");
    if (!replica_.identities().revoked()->contains(request.key)) {
        chain = registrar_.admit(token, binding, request, wall_now());
    }
    if (chain) {
        notice(Notice::Kind::kIdentity, request.node, "certified",
               "key " + seal::to_hex(request.key.bytes) + ", by a join token");
    } else if (registrar_.can_certify()) {
        refused(Notice::Kind::kPeerRefused, request.node.substr(0, 64), chain.error());
    }
    return chain;
}

Result<CreatedToken> MeshThread::make_token(TokenRequest request) {
    if (request.seeds.empty()) {
        if (!startup_.options.enabled) {
            return fail(ErrorCode::kUnavailable,
                        "a mesh of one cannot be joined: make a mesh with `vidaictl mesh init`",
                        "seeds");
        }
        request.seeds.push_back(startup_.address);
        for (const Member& member : view_now()->members) {
            const bool fine = !member.self && member.status == MemberStatus::kAlive;
            if (fine && request.seeds.size() < kTokenSeedsMax) {
                request.seeds.push_back(member.address);
            }
        }
    }
    for (const std::string& seed : request.seeds) {
        if (auto good = seeds::check_seed(seed); !good) return fail(std::move(good).error());
    }
    return registrar_.make_token(request, wall_now());
}

bool MeshThread::admits(const NodeId& from, transport::TrafficKind kind, std::uint64_t bytes) {
    const MonoTime now = mono_now();
    if (quota_.take(from, kind, bytes, now)) return true;
    if (quota_.worth_saying(from, now)) {
        const std::string what(transport::kTrafficKindNames[static_cast<std::size_t>(kind)]);
        notice(
            Notice::Kind::kTrouble, from.str(), "over_quota",
            "it sends more " + what +
                " than a healthy node: what is beyond its quota is not "
                "read. Look at vidai_mesh_quota_refused_bytes_total; restart it or revoke its key");
    }
    return false;
}

}  // namespace vidai::mesh::rpc
