// SPDX-License-Identifier: Apache-2.0
// The part of MeshThread that is about this node's place in the mesh: whether it has company, was
// turned away, and serves.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "mesh/rpc/mesh_thread.h"
#include "mesh/seeds/seed_names.h"
#include "mesh/state/statement.h"

namespace vidai::mesh::rpc {

namespace ms = vidai::mesh::membership;

// A node that is dead for so long has nothing in flight any more.
constexpr std::chrono::seconds kDeadGrace{5};

void MeshThread::on_dial_failed(const ms::Dial& dial, ms::DialFailure failure, const Error& why) {
    const bool told = why.code == ErrorCode::kUnauthenticated ||
                      why.param == seeds::kSeedUnresolved || failure == ms::DialFailure::kRejected;
    if (told && why.code != ErrorCode::kAlreadyExists) {
        refused(Notice::Kind::kTrouble, dial.address, why);
    }
    standing_.dial_failed(dial, failure, why, mono_now());
    ms::Effects effects;
    membership_.on_dial_failed(mono_now(), dial, failure, effects);
    perform(effects);
}

void MeshThread::on_turned_away(const NodeId& by, const std::string& reason) {
    if (!standing_.turned_away(by, reason)) return;
    refused(Notice::Kind::kTrouble, by.str(),
            {ErrorCode::kUnauthenticated, standing_.refusal(), reason});
    publish_readiness();
}

// The statements that void the keys of its chain.
state::Page MeshThread::evidence_against(const seal::PeerIdentity& who) {
    state::Page page;
    for (const seal::PublicKey& key : {who.key, who.issuer_key}) {
        const state::RegisterName name{state::RegisterKind::kRevocation, state::revocation_id(key)};
        const state::Register* const held = replica_.registers().find(name);
        const bool again = held != nullptr && std::ranges::count(page.registers, held) > 0;
        if (held != nullptr && !again) page.registers.push_back(held);
    }
    return page;
}

ms::Message MeshThread::word_of(const NodeId& peer) {
    ms::Gossip gossip;
    if (ms::ClaimRef claim = membership_.claim_of(peer)) {
        gossip.rumors.emplace_back(std::move(claim));
    }
    return gossip;
}

void MeshThread::look_around() {
    const auto view = shared_.view.load();
    const bool members = std::ranges::any_of(view->members, [](const Member& member) {
        return !member.self && member.status != MemberStatus::kLeft;
    });
    // One that was put out has no company to miss.
    const bool out = left_ || fenced(shared_.service.load());
    const auto warning = standing_.look(members && !out, mono_now());
    if (warning) notice(Notice::Kind::kTrouble, startup_.node.str(), "isolated", *warning);
}

// By peers, or waited for long enough.
bool MeshThread::informed() const {
    return patient_until_ && (exchange_.informed() || mono_now() >= *patient_until_);
}

// Never about whether the others are well: only about what this node can do now. One that has just
// started admits by what the others have counted, or, where none of them can be reached, by its own
// counts, after a bounded wait.
Readiness MeshThread::readiness() const {
    if (superseded_) return {Service::kSuperseded, *shared_.must_stop.load()};
    if (self_revoked_) return {Service::kRevoked, why_revoked()};
    if (is_forgotten()) return {Service::kForgotten, kSelfForgotten};
    if (left_) return {Service::kLeft, "this node has left the mesh"};
    if (shared_.drain_grace_ms.load() >= 0) {
        return {Service::kDraining, "this node drains, as an operator asked"};
    }
    if (!patient_until_) return {Service::kStarting, "this node has not joined the mesh yet"};
    if (!standing_.refusal().empty()) return {Service::kTurnedAway, standing_.refusal()};
    if (!informed()) {
        const std::string& last = standing_.last_failure();
        return {Service::kStarting,
                "this node has just started and no peer has told it all keys and counts yet" +
                    (last.empty() ? last : ". The last attempt: " + last)};
    }
    return {};
}

Result<void> MeshThread::heard_by_others() {
    const Readiness now = readiness();
    if (!fenced(now.service) && now.service != Service::kLeft) return {};
    return fail(ErrorCode::kFenced,
                "nothing that is said at this node reaches the mesh: " + now.why +
                    ". Ask a node that is in it, with --server HOST:PORT");
}

void MeshThread::publish_readiness() {
    Readiness now = readiness();
    shared_.service.store(now.service, std::memory_order_relaxed);
    if (now.why == *shared_.not_ready.load()) return;
    shared_.not_ready.publish(std::make_shared<const std::string>(std::move(now.why)));
}

// Whose requests are in flight, and of a limit in mode fair_share what this side of a split may
// admit: as much as it sees of the nodes that have neither left nor been removed.
std::uint32_t MeshThread::confirmed(const MeshView& view) {
    return static_cast<std::uint32_t>(std::ranges::count_if(
        view.members, [](const Member& member) { return member.status != MemberStatus::kLeft; }));
}

void MeshThread::count_who_lives() {
    const auto view = shared_.view.load();
    const WallTime wall = wall_now();
    std::set<NodeId> gone;
    for (const Member& member : view->members) {
        const bool left = member.status == MemberStatus::kLeft;
        const bool dead = member.status == MemberStatus::kDead && member.since + kDeadGrace < wall;
        if (left || dead) gone.insert(member.id);
    }
    replica_.counters().count_in_flight([&](const NodeId& node) { return !gone.contains(node); });
    const auto seen = static_cast<std::uint32_t>(view->counting);
    shared_.counters.set_share(std::max(1U, seen), std::max({1U, seen, confirmed(*view)}));
}

void MeshThread::on_limit_changed(const state::LimitRecord& limit) {
    notice(Notice::Kind::kLimitChanged, limit.name, limit.deleted ? "deleted" : "set");
    replica_.publish();
    const state::RegisterName name{state::RegisterKind::kLimit, limit.id};
    if (const state::Register* changed = replica_.registers().find(name)) {
        exchange_.push_register(*changed);
    }
    publish_view();
}

}  // namespace vidai::mesh::rpc
