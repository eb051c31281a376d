// SPDX-License-Identifier: Apache-2.0
// Connections: getting them, reading something from how they end, and never giving anybody up.
#include <algorithm>

#include "mesh/membership/core.h"
#include "schema/base/mutant.h"

namespace vidai::mesh::membership {
namespace {

constexpr std::uint32_t kEagerDials = 8;  // then a live member is dialled as rarely as a dead one

}  // namespace

void Membership::Core::on_connected(const NodeId& peer) {
    const std::uint32_t index = roster_.find(peer);
    if (index == Roster::kSelf) return;
    if (index == Roster::kNone) {
        if (strangers_.size() >= options_.members_max) return;
        strangers_.insert(peer);
    } else {
        dialing_.erase(index);
        set_link(index, Link{.up = true, .since = now_, .used = now_});
    }
    send(peer, Gossip{{self().claim}});
    if (has_left()) return;
    // One exchange tells both sides everything; either could begin it. In a large mesh, where
    // connections come and go, only one that ends an absence is worth it.
    const bool joining = self().status == Status::kJoining;
    const bool absent = joining || index == Roster::kNone || !roster_[index].living();
    if (joining) roster_.set_status(Roster::kSelf, Status::kAlive, now_);
    const bool worth_it = absent && (joining || now_ - walked_at_ >= options_.redial_min);
    if (bounded() ? worth_it : self().id() < peer) {
        walked_at_ = now_;
        NodeId cursor;
        do request_sync(peer, cursor);
        while (!cursor.empty());
    }
    // What we think of it, so that it refutes: state exchange does not speak of the aged.
    if (index != Roster::kNone && roster_[index].status == Status::kDead && aged(roster_[index])) {
        ping(index, ++seq_);
    }
    // Also when this connection replaced the one that the ping went out on.
    if (probe_.active && probe_.target == index) {
        if (!probe_.pinged) probe_.sent = now_;
        probe_.pinged = true;
        ping(index, probe_.seq);
    }
    for (Relay& relay : relays_) {
        if (relay.target != index) continue;
        relay.sent = now_;
        ping(index, relay.our_seq);
    }
}

void Membership::Core::on_disconnected(const NodeId& peer, LinkEnd end) {
    const std::uint32_t index = roster_.find(peer);
    if (index == Roster::kNone) {
        strangers_.erase(peer);
        return;
    }
    Member& member = roster_[index];
    if (!member.link.up) return;
    if (member.link.parting) {
        set_link(index, {});
        if (busy(index)) connect(index);
        return;
    }
    // One that ended as soon as it had begun would do so again: two processes with one identity
    // take it from each other.
    const bool brief = now_ - member.link.since < options_.reconnect_interval;
    set_link(index, Link{.closed = end == LinkEnd::kClosed});
    if (end == LinkEnd::kLocal || brief) return reconnect_later(index);
    if (member.living()) connect(index);
}

void Membership::Core::connect(std::uint32_t index) {
    Member& member = roster_[index];
    const bool dialing = now_ < member.link.dialing_until;
    if (member.link.up || dialing || has_left() || index == Roster::kSelf) return;
    if (member.forgotten) return;
    const bool probed = probe_.active && probe_.target == index;
    if (bounded() && !probed && dialing_.size() >= options_.dials_max) return;
    dialing_.insert(index);
    // The adapter answers every dial; twice its time is for the one it forgot.
    member.link.dialing_until = now_ + 2 * Duration(options_.dial_timeout);
    out_->push_back(Dial{member.claim->address, member.id(), options_.dial_timeout});
}

void Membership::Core::on_dial_failed(const Dial& dial, DialFailure failure) {
    const std::uint32_t index = roster_.find(dial.expected);
    if (index == Roster::kNone || index == Roster::kSelf) return;
    Member& member = roster_[index];
    member.link.dialing_until = {};
    dialing_.erase(index);
    // An old address that refuses proves nothing about who has moved.
    if (member.link.up || has_left() || !member.living()) return;
    const bool current = dial.address == member.claim->address;
    if (!current) return connect(index);
    ++member.link.failures;
    if (failure == DialFailure::kRefused && member.link.closed) {
        if (member.link.refusals++ == 0) member.link.first_refusal = now_;
        accuse(index, Evidence::kRefused, self().id());
        decide(index);
    }
    // A large mesh dials again when it has something to say, or where a crash is to be proven.
    if (roster_[index].living() && (member.link.closed || !bounded())) reconnect_later(index);
}

void Membership::Core::reconnect_later(std::uint32_t index) {
    Member& member = roster_[index];
    const Duration wait =
        member.link.failures < kEagerDials ? options_.reconnect_interval : options_.redial_max;
    arm_member(Timer::kReconnect, index, ++member.reconnect_timer, now_ + wait);
}

void Membership::Core::on_reconnect_timer(std::uint32_t index) {
    if (roster_[index].living()) connect(index);
}

// One of those who are gone, for ever: what heals a partition of any length. And a seed, since its
// name may by now mean somebody we never met: two halves that started apart meet no other way.
void Membership::Core::redial() {
    const Duration spread = options_.redial_max - options_.redial_min;
    const auto extra =
        rng_.below(static_cast<std::uint64_t>(std::max(spread, Duration(1)).count()));
    arm(Timer::kRedial, now_ + options_.redial_min + Duration(extra));
    for (std::uint32_t step = 0; step < roster_.size(); ++step) {
        next_gone_ = (next_gone_ + 1) % roster_.size();
        const Member& member = roster_[next_gone_];
        if (next_gone_ == Roster::kSelf || member.living() || member.forgotten) continue;
        if (aged(member)) continue;
#ifdef VIDAI_MUTANTS
        if (VIDAI_MUTANT("roster-forgotten") && member.status == Status::kDead &&
            now_ - member.since > std::chrono::seconds(30)) {
            roster_.forget(next_gone_, now_);
            continue;
        }
#endif
        // Declared dead and yet connected: a ping tells it what we think, and it will refute.
        if (member.link.up && member.status == Status::kDead) ping(next_gone_, ++seq_);
        connect(next_gone_);
        break;
    }
    redial_aged();
    if (!seeds_.empty()) dial_seed(seeds_[next_seed_ % seeds_.size()]);
    if (!remembered_.empty() && peers(Status::kDead).empty()) {
        dial_seed(remembered_[next_seed_ % remembered_.size()]);
    }
    ++next_seed_;
}

bool Membership::Core::aged(const Member& member) const {
    return !member.living() && !member.forgotten && now_ - member.since >= options_.aged_after;
}

// Each once per interval, as long as no more are due than may be dialled in one turn.
void Membership::Core::redial_aged() {
    std::uint32_t made = 0;
    for (std::uint32_t step = 1; step < roster_.size() && made < options_.dials_max; ++step) {
        next_aged_ = next_aged_ % (roster_.size() - 1) + 1;
        Member& member = roster_[next_aged_];
        if (!aged(member) || now_ - member.redialled < options_.aged_redial_interval) continue;
        member.redialled = now_;
        if (member.link.up && member.status == Status::kDead) ping(next_aged_, ++seq_);
        connect(next_aged_);
        ++made;
    }
}

void Membership::Core::dial_seed(const std::string& address) {
    if (has_left() || address == self().claim->address) return;
    out_->push_back(Dial{address, NodeId(), options_.dial_timeout});
}

}  // namespace vidai::mesh::membership
