// SPDX-License-Identifier: Apache-2.0
// The part of MeshThread that acts on operators' statements: it puts out whom they mean.
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "mesh/rpc/mesh_thread.h"

namespace vidai::mesh::rpc {

namespace {

namespace ms = vidai::mesh::membership;

constexpr std::chrono::milliseconds kLastWord{50};  // to one who is revoked
constexpr std::size_t kResignMax = 200;             // in a second
constexpr Duration kResignAfter = std::chrono::seconds(1), kResignSpread = std::chrono::seconds(9);

}  // namespace

bool MeshThread::holds(const state::RegisterName& name, state::Hlc time) {
    const state::Register* const held = replica_.registers().find(name);
    // Any revocation of a key is as good as another; of the others this one or what replaced it.
    return held != nullptr &&
           (name.kind == state::RegisterKind::kRevocation || held->statement.time >= time);
}

kj::Promise<std::vector<NodeId>> MeshThread::holders(const state::RegisterName& name,
                                                     state::Hlc time) {
    return exchange_.holders(name, time);
}

void MeshThread::on_stated(const MergeReport& report, const state::Register& said) {
    exchange_.push_register(said);
    react(report.identities);
}

void MeshThread::react(const std::vector<IdentityChange>& changes, bool news) {
    if (changes.empty()) return;
    for (const IdentityChange& change : changes) {
        if (const auto* revoked = std::get_if<state::Revocation>(&change)) {
            on_revoked(*revoked, news);
        } else {
            on_forgotten(std::get<state::Forget>(change), news);
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
            seal::verify_chain(startup_.trust, wall_now(), seal::bytes_of(claim->credential));
        if (!revoked->contains(seal::PublicKey{claim->key}) && !(who && revoked->covers(*who))) {
            continue;
        }
        forget(claim->id, claim->version);
    }
    std::array<std::uint8_t, 2> jitter{};
    random_.fill(jitter);
    resign_at_ = mono_now() + kResignAfter + kResignSpread * seal::Reader(jitter).u16() / 65'536;
    self_revoked_ |= revoked->covers(certified_.who);
    if (self_revoked_) {
        notice(Notice::Kind::kIdentity, startup_.node.str(), "self_revoked", kSelfRevoked);
        publish_readiness();
    }
    // Later, since the one who is meant may be the one who told us; and after what was pushed a
    // moment ago is on its way, so that he hears of it too.
    tasks_.add(timer_.afterDelay(kLastWord.count() * kj::MILLISECONDS).then([this]() {
        links_.close_revoked();
        if (self_revoked_) links_.shut();
    }));
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
        const ms::Version& own = membership_.self()->version;
        if (ms::Version{own.serial, own.generation, {}} <= up_to) {
            notice(Notice::Kind::kTrouble, said.node.str(), "forgotten",
                   "an operator has removed this node from the mesh: restart it to return");
        }
        return;
    }
    forget(said.node, up_to);
}

void MeshThread::resign_if_due(WallTime now) {
    if (!resign_at_ || mono_now() < *resign_at_ || self_revoked_) return;
    const std::size_t done = replica_.resign(kResignMax, now, mono_now());
    if (done < kResignMax) resign_at_.reset();
    if (done > 0) saver_.mark_dirty();
}

}  // namespace vidai::mesh::rpc
