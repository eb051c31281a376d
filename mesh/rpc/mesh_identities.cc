// SPDX-License-Identifier: Apache-2.0
// The part of MeshThread that acts on operators' statements: it puts out whom they mean.
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "mesh/rpc/mesh_thread.h"
#include "mesh/state/genesis.h"
#include "mesh/state/succession.h"
#include "schema/base/mutant.h"
#include "schema/base/time_text.h"

namespace vidai::mesh::rpc {

namespace {

namespace ms = vidai::mesh::membership;

constexpr std::chrono::milliseconds kLastWord{50};  // to one who is revoked
constexpr std::size_t kResignMax = 200;             // in a second
constexpr std::size_t kResignPushed = 16;           // so few at once are told without being asked
constexpr Duration kRecertifySpread = std::chrono::seconds(5);
constexpr Duration kResignAfter = std::chrono::seconds(1), kResignSpread = std::chrono::seconds(9);

Duration some_of(Duration most, seal::RandomSource& source) {
    std::array<std::uint8_t, 2> random{};
    source.fill(random);
    return most * seal::Reader(random).u16() / 65'536;
}

}  // namespace

bool MeshThread::holds(const state::RegisterName& name, state::Hlc time) {
    const state::Register* const held = replica_.registers().find(name);
    if (name.kind == state::RegisterKind::kGenesis && held != nullptr) {
        return replica_.genesis() && state::genesis_id(*replica_.genesis()) == name.id;
    }
    // Any revocation of a key is as good as another; of the others this one or what replaced it.
    return held != nullptr &&
           (name.kind == state::RegisterKind::kRevocation || held->statement.time >= time);
}

kj::Promise<std::vector<NodeId>> MeshThread::holders(const state::RegisterName& name,
                                                     state::Hlc time) {
    return exchange_.holders(name, time);
}

void MeshThread::on_forks(const std::string& told_by, const std::vector<Error>& forks) {
    for (const Error& fork : forks) refused(Notice::Kind::kTrouble, told_by, fork);
}

void MeshThread::on_stated(const MergeReport& report, const state::Register& said) {
    exchange_.push_register(said);
    react(report.identities);
}

void MeshThread::react(const std::vector<admission::IdentityChange>& changes, bool news) {
    if (changes.empty()) return;
    for (const admission::IdentityChange& change : changes) {
        if (const auto* revoked = std::get_if<state::Revocation>(&change)) {
            on_revoked(*revoked, news);
        } else if (const auto* forgotten = std::get_if<state::Forget>(&change)) {
            on_forgotten(*forgotten, news);
        } else {
            on_followed(std::get<seal::Succession>(change), news);
        }
    }
    saver_.mark_dirty();
    publish_view();
}

void MeshThread::on_revoked(const state::Revocation& said, bool news) {
    if (news)
        notice(Notice::Kind::kIdentity, said.subject, "revoked",
               "key " + seal::fingerprint(said.key) + ": " +
                   (said.reason.empty() ? "no reason given" : said.reason));
    registrar_.release(said.key);
    const auto revoked = replica_.identities().revoked();
    for (const ms::ClaimRef& claim : membership_.claims()) {
        const auto who =
            startup_.roots->verify_recorded(wall_now(), seal::bytes_of(claim->credential));
        if (!revoked->contains(seal::PublicKey{claim->key}) && !(who && revoked->covers(*who))) {
            continue;
        }
        if (VIDAI_MUTANT("revoked-stay-members")) continue;
        forget(claim->id, claim->version);
    }
    resign_at_ = mono_now() + kResignAfter + some_of(kResignSpread, random_);
    if (!std::exchange(self_revoked_, revoked->covers(certified_.who)) && self_revoked_) {
        notice(Notice::Kind::kIdentity, startup_.node.str(), "self_revoked", why_revoked());
        publish_readiness();
    }
    // Later, since the one who is meant may be the one who told us; and after what was pushed a
    // moment ago is on its way, so that he hears of it too.
    const auto last_word = [this]() {
        return timer_.afterDelay(kLastWord.count() * kj::MILLISECONDS);
    };
    tasks_.add(last_word().then([this, last_word]() -> kj::Promise<void> {
        links_.close_revoked();
        if (!self_revoked_) return kj::READY_NOW;
        // The operator who said so is answered once it is on the disk.
        return saver_.save()
            .then([last_word](Result<void>&&) { return last_word(); })
            .then([this]() { links_.shut(); });
    }));
}

void MeshThread::watch_key(const ms::Event& event) {
    if (event.kind == ms::EventKind::kForgotten) return key_watch_.forget(event.subject);
    const ms::ClaimRef claim = membership_.claim_of(event.subject);
    if (claim == nullptr) return;
    const auto change = key_watch_.heard(event.subject, seal::PublicKey{claim->key});
    if (!change) return;
    notice(Notice::Kind::kMemberKey, event.subject.str(),
           change->announced ? "rotated" : "taken_over",
           "key " + seal::fingerprint(change->now) + " has taken the place of " +
               seal::fingerprint(change->before));
}

// A newer start or certificate than the one that was meant is welcome again.
bool MeshThread::is_forgotten() const {
    const ms::Version& own = membership_.self()->version;
    return ms::Version{own.serial, own.generation, {}} <= forgotten_up_to_;
}

const char* MeshThread::why_revoked() const {
    const bool own = replica_.identities().revoked()->contains(certified_.who.key);
    return own ? kSelfRevoked : kIssuerRevoked;
}

void MeshThread::forget(const NodeId& node, const membership::Version& up_to) {
    ms::Effects effects;
    membership_.forget(mono_now(), node, up_to, effects);
    perform(effects);
}

void MeshThread::on_forgotten(const state::Forget& said, bool news) {
    if (news) notice(Notice::Kind::kIdentity, said.node.str(), "forgotten");
    const ms::Version up_to{said.serial, said.generation, {}};
    registrar_.release(said.node);
    if (said.node == startup_.node) {
        forgotten_up_to_ = std::max(forgotten_up_to_, up_to);
        if (is_forgotten()) {
            notice(Notice::Kind::kIdentity, said.node.str(), "self_forgotten", kSelfForgotten);
        }
        return publish_readiness();
    }
    forget(said.node, up_to);
}

// The nodes get certificates under the new root first, then sign under it what they signed under
// the old one, so that all of it is there when the old root is retired.
void MeshThread::on_followed(const seal::Succession& said, bool news) {
    resign_at_ = mono_now() + kResignAfter + some_of(kResignSpread, random_);
    issuer_look_at_ = {};
    if (!behind_the_root()) return;
    certified_.renew_at = std::min(
        certified_.renew_at,
        wall_now() + std::chrono::ceil<WallTime::duration>(some_of(kRecertifySpread, random_)));
    if (!news) return;
    notice(Notice::Kind::kIdentity, seal::fingerprint(said.to), "root_rolled",
           "this root follows " + seal::fingerprint(said.from) + ", which is believed until " +
               time_text(said.until));
}

void MeshThread::on_told_of_roots(const std::string& address, const seal::Bytes& told) {
    auto said = state::unpack_successions(told);
    if (!said) return refused(Notice::Kind::kTrouble, address, said.error());
    const MergeReport report = replica_.merge(std::move(*said), wall_now(), mono_now());
    if (report.first_refusal) refused(Notice::Kind::kTrouble, address, *report.first_refusal);
    on_forks(address, report.forks);
    react(report.identities);
}

// A node that was off while the root rolled over. Its chain proves nothing any more, for whoever
// holds the old root could have made it; that it holds the key which the mesh knows it by does.
std::optional<::capnp::Capability::Client> MeshThread::returning(const seal::PeerIdentity& who) {
    const auto known = known_node(who.node);
    if (!registrar_.can_certify() || !who.roles.has(seal::Role::kPeer) || !known ||
        known->key != who.key) {
        return std::nullopt;
    }
    PeerCalls& calls = *this;
    return ::capnp::Capability::Client(kj::heap<ReturnServer>(who, calls));
}

void MeshThread::resign_if_due(WallTime now) {
    if (!resign_at_ || mono_now() < *resign_at_ || self_revoked_ || behind_the_root()) return;
    const auto done = replica_.resign(kResignMax, now, mono_now());
    if (done.size() < kResignMax) resign_at_.reset();
    if (done.empty()) return;
    saver_.mark_dirty();
    if (done.size() > kResignPushed) return;  // the digests bring them
    for (const state::RegisterName& name : done) {
        if (const state::Register* signed_anew = replica_.registers().find(name)) {
            exchange_.push_register(*signed_anew);
        }
    }
}

}  // namespace vidai::mesh::rpc
