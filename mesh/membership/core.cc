// SPDX-License-Identifier: Apache-2.0
#include "mesh/membership/core.h"

#include <algorithm>
#include <limits>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::membership {
namespace {

constexpr int kTimerShift = 56;
constexpr int kIndexShift = 32;
constexpr std::uint32_t kIndexMask = (1U << (kTimerShift - kIndexShift)) - 1;

ClaimRef first_claim(const Identity& identity, std::string address, WireRange wire,
                     const Crypto& crypto) {
    auto claim = std::make_shared<Claim>();
    claim->id = identity.id;
    claim->key = identity.key;
    claim->version = {identity.serial, identity.generation, Incarnation{}};
    claim->address = std::move(address);
    claim->wire = wire;
    claim->credential = identity.credential;
    claim->profile = identity.profile;
    crypto.sign(*claim);
    CHECK(validate(*claim).has_value(), "this node's own identity or address is malformed");
    return claim;
}

constexpr std::size_t kRememberedMax = 16;

}  // namespace

Membership::Core::Core(const Identity& self, std::string address, WireRange wire, Crypto crypto,
                       const Options& options, std::uint64_t seed, std::span<const ClaimRef> roster)
    : options_(options),
      interval_(options.probe_interval),
      crypto_(std::move(crypto)),
      rng_(seed),
      roster_(first_claim(self, std::move(address), wire, crypto_)),
      first_serial_(self.serial) {
    CHECK(options.members_max <= kIndexMask && options.probe_interval.count() > 0);
    CHECK(options.suspicion_min_intervals > 0);
    for (const ClaimRef& claim : roster) {
        const bool usable = claim != nullptr && validate(*claim).has_value() &&
                            roster_.find(claim->id) == Roster::kNone &&
                            roster_.known() < options_.members_max && crypto_.verify(*claim);
        if (usable) {
            roster_.add(claim, claim->left ? Status::kLeft : Status::kJoining, now_);
            continue;
        }
        ++counters_.claims_rejected;
        const bool worth_a_dial = claim != nullptr && !claim->left && validate(*claim).has_value();
        if (worth_a_dial && remembered_.size() < kRememberedMax) {
            remembered_.push_back(claim->address);
        }
    }
}

void Membership::Core::join(std::vector<std::string> seeds) {
    seeds_ = std::move(seeds);
    for (const std::string& seed : seeds_) dial_seed(seed);
    if (joined_) return;
    joined_ = true;
    self().since = now_;
    for (const std::string& address : remembered_) dial_seed(address);
    if (seeds_.empty() && remembered_.empty() && roster_.size() == 1)
        roster_.set_status(Roster::kSelf, Status::kAlive, now_);
    for (std::uint32_t i = 1; i < roster_.size(); ++i) {
        roster_[i].since = now_;
        if (dialing_.size() < options_.full_mesh_max) connect(i);
    }
    // Nodes started together must not probe and sync in step.
    tick_at_ = now_ + Duration(rng_.below(static_cast<std::uint64_t>(interval_.count())));
    arm(Timer::kTick, tick_at_);
    const Duration sync = options_.sync_interval;
    arm(Timer::kSync, now_ + Duration(rng_.below(static_cast<std::uint64_t>(sync.count()))));
    arm(Timer::kRedial, now_ + options_.redial_min);
}

void Membership::Core::leave() {
    if (has_left()) return;
    probe_ = {};
    Claim claim = *self().claim;
    claim.left = true;
    restate(std::move(claim));
    roster_.set_status(Roster::kSelf, Status::kLeft, now_);
    // A farewell goes to everybody at once, however many they are: nothing is gossiped after it.
    push({self().claim}, peers(Status::kDead));
    arm(Timer::kLinger, now_ + options_.leave_linger);
}

void Membership::Core::set_address(std::string address) {
    if (has_left() || self().claim->address == address) return;
    Claim claim = *self().claim;
    claim.address = std::move(address);
    restate(std::move(claim));
}

void Membership::Core::renew(const PublicKeyBytes& key, std::uint64_t serial,
                             std::string credential) {
    if (has_left() || serial < self().version().serial) return;
    Claim claim = *self().claim;
    claim.key = key;
    claim.version.serial = serial;
    claim.credential = std::move(credential);
    restate(std::move(claim));
}

void Membership::Core::forget(const NodeId& id, Version up_to) {
    if (id == self().id()) return;
    up_to.incarnation = Incarnation{std::numeric_limits<std::uint32_t>::max()};
    Version& known = forgotten_[id];
    known = std::max(known, up_to);
    const std::uint32_t index = roster_.find(id);
    if (index == Roster::kNone || roster_[index].version() > known) return;
    notify(EventKind::kForgotten, index);
    if (roster_[index].link.up) strangers_.insert(id);  // its newer life may say so over this link
    if (probe_.active && probe_.target == index) probe_ = {};
    std::erase_if(relays_, [&](const Relay& relay) { return relay.target == index; });
    linked_.erase(index);
    dialing_.erase(index);
    set_back_.erase(id);
    roster_.forget(index, now_);
}

void Membership::Core::restate(Claim claim) {
    ++claim.version.incarnation.value;
    crypto_.sign(claim);
    CHECK(validate(claim).has_value(), "this node's own address or credential is malformed");
    self().claim = std::make_shared<const Claim>(std::move(claim));
    rumors_.add(self().claim);
}

void Membership::Core::refute(const NodeId& by) {
    if (VIDAI_MUTANT("no-refutation") || has_left()) return;
    restate(*self().claim);
    worsen_health(1);
    ++counters_.refutations;
    notify(EventKind::kSelfRefuted, Roster::kSelf, by);
}

// A word of ours that we did not say: another process has our identity and a newer life, or a copy
// of our volume. Of two words with one version the same one wins everywhere (Roster::supersedes),
// so that one of the two processes goes on.
void Membership::Core::hear_of_self(const Claim& claim) {
    if (!roster_.supersedes(claim, Roster::kSelf)) {
        return is_of_later_start(claim) ? outgrow(claim) : vouch(Roster::kSelf, claim);
    }
    if (claim.version == superseded_by_) return;
    if (!crypto_.verify(claim)) {
        ++counters_.claims_rejected;
        return;
    }
    superseded_by_ = claim.version;
    out_->push_back(Notify{{EventKind::kSuperseded, claim.id, claim.version, {}}});
}

// A word of ours by an older certificate, and yet of a process that had counted as many starts as
// we have, or more: the disk that we count on is older than that process.
bool Membership::Core::is_of_later_start(const Claim& claim) const {
    const Claim& own = *roster_[Roster::kSelf].claim;
    if (has_left() || claim.key != own.key || claim.version.serial >= first_serial_) return false;
    return claim.version.generation >= own.version.generation &&
           claim.version.generation.value < std::numeric_limits<std::uint64_t>::max();
}

void Membership::Core::outgrow(const Claim& later) {
    if (!(crypto_.signed_by_key ? crypto_.signed_by_key(later) : crypto_.verify(later))) {
        ++counters_.claims_rejected;
        return;
    }
    Claim claim = *self().claim;
    claim.version.generation = Generation{later.version.generation.value + 1};
    restate(std::move(claim));
    out_->push_back(Notify{{EventKind::kSetBack, later.id, later.version, {}}});
}

void Membership::Core::worsen_health(std::uint32_t by) {
    health_ = std::min(health_ + by, health_cap(options_, roster_.living()));
}

void Membership::Core::improve_health() {
    if (health_ > 0) --health_;
}

// A process that was stopped, or a machine that slept, finds all its timers due. None of what they
// would conclude is the others' fault.
void Membership::Core::check_pause() {
    if (!joined_ || now_ <= tick_at_ + interval_ || has_left()) return;
    const Duration missed = now_ - tick_at_;
    for (std::uint32_t i = 1; i < roster_.size(); ++i) {
        Member& member = roster_[i];
        if (member.status != Status::kSuspect) continue;
        member.suspicion->started += missed;
        arm_suspicion(i);
    }
    probe_ = {};
    relays_.clear();
    worsen_health(1);
    ++counters_.pauses;
    tick_at_ = now_;
    arm(Timer::kTick, tick_at_);
    notify(EventKind::kPaused, Roster::kSelf);
}

void Membership::Core::on_message(const NodeId& from, const Message& message) {
    if (!validate(message) || from == self().id()) {
        ++counters_.claims_rejected;
        return;
    }
    use(from);
    std::visit([&](const auto& body) { on_body(from, body); }, message);
}

void Membership::Core::on_timer(TimerToken token) {
    const auto timer = static_cast<Timer>(token.value >> kTimerShift);
    const std::uint32_t index = static_cast<std::uint32_t>(token.value >> kIndexShift) & kIndexMask;
    const auto generation = static_cast<std::uint32_t>(token.value);
    if (has_left() && timer != Timer::kLinger) return;
    if (timer == Timer::kRelay) return on_relay_timer(generation);
    if (timer == Timer::kSuspicion || timer == Timer::kReconnect) {
        if (index == Roster::kSelf || index >= roster_.size()) return;
        const Member& member = roster_[index];
        if (timer == Timer::kSuspicion && generation == member.suspicion_timer) {
            decide(index);
            // An adapter's timer may be early: it counts from when its turn began.
            const bool again = member.status == Status::kSuspect;
            if (again && !VIDAI_MUTANT("early-timer-forgotten")) arm_suspicion(index);
        }
        if (timer == Timer::kReconnect && generation == member.reconnect_timer) {
            on_reconnect_timer(index);
        }
        return;
    }
    const auto kind = static_cast<std::size_t>(timer);
    if (kind >= kTimersOfOneKind || generation == 0 || generation != armed_[kind]) return;
    ++armed_[kind];
    switch (timer) {
        case Timer::kTick:
            return tick();
        case Timer::kProbe:
            return ask_helpers();
        case Timer::kRedial:
            return redial();
        case Timer::kSync:
            return sync_with_somebody();
        case Timer::kGossip:
            return gossip();
        case Timer::kLinger:
            return notify(EventKind::kSelfLeft, Roster::kSelf);
        default:
            return;
    }
}

void Membership::Core::arm(Timer timer, MonoTime at) {
    arm_member(timer, 0, ++armed_[static_cast<std::size_t>(timer)], at);
}

void Membership::Core::arm_relay(std::uint64_t seq, MonoTime at) {
    arm_member(Timer::kRelay, 0, static_cast<std::uint32_t>(seq), at);
}

void Membership::Core::arm_suspicion(std::uint32_t index) {
    Member& member = roster_[index];
    arm_member(Timer::kSuspicion, index, ++member.suspicion_timer, member.suspicion->deadline());
}

void Membership::Core::arm_member(Timer timer, std::uint32_t index, std::uint32_t generation,
                                  MonoTime at) {
    const std::uint64_t value = (static_cast<std::uint64_t>(timer) << kTimerShift) |
                                (static_cast<std::uint64_t>(index) << kIndexShift) | generation;
    out_->push_back(ArmTimer{TimerToken{value}, at});
}

void Membership::Core::send(const NodeId& to, Message message) {
    use(to);
    out_->push_back(Send{to, std::move(message)});
}

void Membership::Core::notify(EventKind kind, std::uint32_t index, const NodeId& by) {
    out_->push_back(Notify{{kind, roster_[index].id(), roster_[index].version(), by}});
}

}  // namespace vidai::mesh::membership
