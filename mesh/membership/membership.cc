// SPDX-License-Identifier: Apache-2.0
#include "mesh/membership/membership.h"

#include <utility>

#include "mesh/membership/core.h"

namespace vidai::mesh::membership {

Membership::Membership(const Identity& self, std::string address, WireRange wire, Crypto crypto,
                       const Options& options, std::uint64_t seed, std::span<const ClaimRef> roster)
    : core_(std::make_unique<Core>(self, std::move(address), wire, std::move(crypto), options, seed,
                                   roster)) {}
Membership::~Membership() = default;
Membership::Membership(Membership&&) noexcept = default;

void Membership::join(MonoTime now, std::vector<std::string> seeds, Effects& out) {
    core_->turn(now, out, [&] { core_->join(std::move(seeds)); });
}
void Membership::leave(MonoTime now, Effects& out) {
    core_->turn(now, out, [&] { core_->leave(); });
}
void Membership::set_address(MonoTime now, std::string address, Effects& out) {
    core_->turn(now, out, [&] { core_->set_address(std::move(address)); });
}
void Membership::renew(MonoTime now, const PublicKeyBytes& key, std::uint64_t serial,
                       std::string credential, Effects& out) {
    core_->turn(now, out, [&] { core_->renew(key, serial, std::move(credential)); });
}
void Membership::forget(MonoTime now, const NodeId& id, const Version& up_to, Effects& out) {
    core_->turn(now, out, [&] { core_->forget(id, up_to); });
}
void Membership::on_connected(MonoTime now, const NodeId& peer, Effects& out) {
    core_->turn(now, out, [&] { core_->on_connected(peer); });
}
void Membership::on_disconnected(MonoTime now, const NodeId& peer, LinkEnd end, Effects& out) {
    core_->turn(now, out, [&] { core_->on_disconnected(peer, end); });
}
void Membership::on_dial_failed(MonoTime now, const Dial& dial, DialFailure failure, Effects& out) {
    core_->turn(now, out, [&] { core_->on_dial_failed(dial, failure); });
}
void Membership::on_message(MonoTime now, const NodeId& from, const Message& message,
                            Effects& out) {
    core_->turn(now, out, [&] { core_->on_message(from, message); });
}
void Membership::on_timer(MonoTime now, TimerToken token, Effects& out) {
    core_->turn(now, out, [&] { core_->on_timer(token); });
}

std::vector<MemberView> Membership::members() const {
    std::vector<MemberView> out;
    const Roster& roster = core_->roster();
    out.reserve(roster.size());
    for (std::uint32_t i = 0; i < roster.size(); ++i) {
        const Member& member = roster[i];
        if (member.forgotten) continue;
        out.push_back({.id = member.id(),
                       .status = member.status,
                       .address = member.claim->address,
                       .generation = member.version().generation,
                       .incarnation = member.version().incarnation,
                       .wire = member.claim->wire,
                       .profile = *decode_profile(member.claim->profile),
                       .since = member.since,
                       .rtt = member.rtt.smooth,
                       .connected = member.link.up,
                       .self = i == Roster::kSelf,
                       .aged = i != Roster::kSelf && core_->aged(member)});
    }
    return out;
}

Status Membership::status_of(const NodeId& id) const {
    const std::uint32_t index = core_->roster().find(id);
    return index == Roster::kNone ? Status::kJoining : core_->roster()[index].status;
}

Version Membership::version_of(const NodeId& id) const {
    const std::uint32_t index = core_->roster().find(id);
    return index == Roster::kNone ? Version{} : core_->roster()[index].version();
}

ClaimRef Membership::claim_of(const NodeId& id) const {
    const std::uint32_t index = core_->roster().find(id);
    return index == Roster::kNone ? nullptr : core_->roster()[index].claim;
}

std::vector<ClaimRef> Membership::claims() const {
    std::vector<ClaimRef> out;
    for (std::uint32_t i = 1; i < core_->roster().size(); ++i) {
        if (!core_->roster()[i].forgotten) out.push_back(core_->roster()[i].claim);
    }
    return out;
}

const ClaimRef& Membership::self() const {
    return core_->roster()[Roster::kSelf].claim;
}
std::uint32_t Membership::health() const {
    return core_->health();
}
const Counters& Membership::counters() const {
    return core_->counters();
}
std::size_t Membership::rumors_queued() const {
    return core_->rumors_queued();
}

}  // namespace vidai::mesh::membership
