// SPDX-License-Identifier: Apache-2.0
// Who is believed about whom: the precedence of claims and accusations, and how a suspicion ends.
#include "mesh/membership/core.h"
#include "schema/base/mutant.h"

namespace vidai::mesh::membership {

void Membership::Core::hear(const Rumor& rumor, Source source) {
    if (const auto* claim = std::get_if<ClaimRef>(&rumor)) return hear_claim(*claim, source);
    hear_accusation(std::get<Accusation>(rumor), source);
}

// Who has just joined a large mesh learns its whole roster, which is news to nobody else.
bool Membership::Core::is_news(Source source) {
    const bool joining = now_ - self().since < options_.sync_interval;
    return source == Source::kGossip || !joining || !bounded();
}

void Membership::Core::hear_claim(const ClaimRef& claim, Source source) {
    const std::uint32_t index = roster_.find(claim->id);
    if (index == Roster::kSelf) return hear_of_self(*claim);
    if (index != Roster::kNone && !roster_.supersedes(*claim, index)) {
        vouch(index, *claim);
        return;
    }
    if (VIDAI_MUTANT("address-change-refused") && index != Roster::kNone &&
        roster_[index].claim->address != claim->address) {
        return;
    }
    const auto forgotten = forgotten_.find(claim->id);
    if (forgotten != forgotten_.end() && claim->version <= forgotten->second) return;
    if (index == Roster::kNone && roster_.known() >= options_.members_max) {
        ++counters_.members_refused;
        return;
    }
    if (!crypto_.verify(*claim) && !VIDAI_MUTANT("signature-not-checked")) {
        ++counters_.claims_rejected;
        return;
    }
    if (is_news(source)) rumors_.add(claim);
    if (index == Roster::kNone) {
        meet(claim);
    } else if (claim->version == roster_[index].version() &&
               claim->signature == roster_[index].claim->signature) {
        describe(index, claim);
    } else {
        update(index, claim);
    }
}

// A member read from disk is believed in once somebody repeats what we stored.
void Membership::Core::vouch(std::uint32_t index, const Claim& claim) {
    if (claim.version != roster_[index].version()) return;
    // The losing word of two processes with one identity: its speaker must hear the other.
    if (claim.signature != roster_[index].claim->signature) rumors_.add(roster_[index].claim);
    if (roster_[index].status != Status::kJoining) return;
    roster_.set_status(index, Status::kAlive, now_);
    notify(EventKind::kAlive, index);
    schedule_probing(index);
}

void Membership::Core::meet(const ClaimRef& claim) {
    const std::uint32_t index =
        roster_.add(claim, claim->left ? Status::kLeft : Status::kAlive, now_);
    if (strangers_.erase(claim->id) > 0) set_link(index, Link{.up = true, .used = now_});
    notify(EventKind::kJoined, index);
    if (claim->left) return notify(EventKind::kLeft, index);
    schedule_probing(index);
    connect_unless_bounded(index);
}

void Membership::Core::update(std::uint32_t index, const ClaimRef& claim) {
    Member& member = roster_[index];
    const bool renewed = member.version().serial != claim->version.serial;
    const bool new_life =
        !same_life(*member.claim, *claim) || (renewed && VIDAI_MUTANT("renewal-is-new-life"));
    const bool was_living = member.living();
    const Status before = member.status;
    watch_starts(member.claim, *claim);
    if (member.claim->address != claim->address) {
        member.rtt = {};
        member.addressed = now_;
    }
    member.claim = claim;
    member.link.failures = 0;
    member.link.refusals = 0;
    ++member.suspicion_timer;
    if (claim->left) {
        roster_.set_status(index, Status::kLeft, now_);
        return notify(EventKind::kLeft, index);
    }
    const bool steady = before == Status::kAlive && !new_life;
    if (!steady) roster_.set_status(index, Status::kAlive, now_);
    const EventKind kind = steady ? EventKind::kUpdated : EventKind::kAlive;
    out_->push_back(Notify{{kind, member.id(), member.version(), {}, new_life}});
    if (!was_living) schedule_probing(index);
    connect_unless_bounded(index);
}

// A newer certificate wins over a greater generation, so that a node whose disk was put back, and
// which certifies itself, would never hear that its generations are used. A certificate that was
// renewed leaves the generation as it is, and the incarnation grows.
void Membership::Core::watch_starts(const ClaimRef& before, const Claim& now) {
    const auto held = set_back_.find(now.id);
    const bool known = held != set_back_.end();
    const ClaimRef most = known ? held->second : before;
    const Version &then = most->version, &is = now.version;
    const bool renewed = is.generation == then.generation && is.incarnation > then.incarnation;
    const bool back = most->key == now.key && is.serial > then.serial &&
                      is.generation <= then.generation && (known || !renewed);
    if (back) set_back_.try_emplace(now.id, most);
    if (!back && known) set_back_.erase(held);
}

// The word that we have, and now all of it: no sign of life.
void Membership::Core::describe(std::uint32_t index, const ClaimRef& claim) {
    roster_[index].claim = claim;
    notify(EventKind::kUpdated, index);
    vouch(index, *claim);
}

void Membership::Core::hear_accusation(const Accusation& accusation, Source source) {
    const std::uint32_t index = roster_.find(accusation.subject);
    // An accuser nobody has heard of would be a way to make up confirmations.
    if (index == Roster::kNone || roster_.find(accusation.accuser) == Roster::kNone) return;
    // An older version is settled; a newer one nobody has signed, as far as we know.
    if (accusation.version != roster_[index].version()) return;
    if (index == Roster::kSelf) return refute(accusation.accuser);
    const Status status = roster_[index].status;
    if (status == Status::kLeft || status == Status::kDead) return;
    const bool told_dead = accusation.verdict == Status::kDead && source == Source::kGossip;
    if (told_dead && !answers_us(roster_[index])) return declare_dead(index, accusation.accuser);
    accuse(index, accusation.evidence, accusation.accuser);
    if (roster_[index].status == Status::kSuspect) probe_soon(index);
}

// Connected, and nobody has suspected it, or it has answered since: whoever says that it is dead is
// early, wrong or a liar. It is a suspect then, and has its time to refute.
bool Membership::Core::answers_us(const Member& member) const {
    if (!member.link.up) return false;
    return !member.suspicion || member.acked > member.suspicion->started;
}

void Membership::Core::accuse(std::uint32_t index, Evidence evidence, const NodeId& by) {
    Member& member = roster_[index];
    if (member.status != Status::kSuspect) {
        roster_.set_status(index, Status::kSuspect, now_);
        const Duration period = probe_period(options_, probe_timeout(options_, member.rtt), 0);
        SuspicionTimes times = suspicion_times(options_, roster_.living(), health_, period);
        // New at its address, it has not answered yet: all that a connection begins with is before
        // its refutation, which takes its time on a slow link.
        const bool unheard = member.rtt.high.count() == 0;
        if (unheard && now_ - member.addressed < times.max) times.min = times.max;
        member.suspicion = std::make_unique<Suspicion>(Suspicion{now_, times, {}});
        ++counters_.suspicions;
        ++(by != self().id()                ? counters_.suspicions_told
           : evidence == Evidence::kRefused ? counters_.suspicions_refused
                                            : counters_.suspicions_probe);
        notify(EventKind::kSuspect, index, by);
    }
    if (!member.suspicion->add(by, evidence)) return;
    rumors_.add(Accusation{member.id(), member.version(), Status::kSuspect, evidence, by});
    arm_suspicion(index);
    decide(index);
}

// Its process is gone, as far as one member can tell: the hosts that refuse us prove that it is not
// our network that fails.
bool Membership::Core::refuses(const Member& member) const {
    const Link& link = member.link;
    return !link.up && link.refusals >= 3 &&
           now_ - link.first_refusal >= options_.lone_refusal_window;
}

// Nobody is left who could be asked for a second opinion: all the living refuse us.
bool Membership::Core::all_refuse() const {
    for (std::uint32_t i = 1; i < roster_.size(); ++i) {
        if (roster_[i].living() && !refuses(roster_[i])) return false;
    }
    return true;
}

// A process is gone when its connection was closed and two members were refused a fresh one; or
// when it and all others who could say so refuse the last one again and again.
void Membership::Core::decide(std::uint32_t index) {
    const Member& member = roster_[index];
    if (member.status != Status::kSuspect) return;
    const bool proven = !member.link.up && member.suspicion->refusers() >= 2;
    const bool last = refuses(member) && all_refuse();
    if (proven || last || now_ >= member.suspicion->deadline()) {
        declare_dead(index, self().id());
    }
}

void Membership::Core::declare_dead(std::uint32_t index, const NodeId& by) {
    Member& member = roster_[index];
    const bool refused = member.suspicion && member.suspicion->refusers() > 0;
    member.declared_by = std::make_shared<const NodeId>(by);
    ++member.suspicion_timer;
    roster_.set_status(index, Status::kDead, now_);
    ++counters_.deaths;
    rumors_.add(Accusation{member.id(), member.version(), Status::kDead,
                           refused ? Evidence::kRefused : Evidence::kSilent, by});
    notify(EventKind::kDead, index, by);
}

}  // namespace vidai::mesh::membership
