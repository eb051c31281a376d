// SPDX-License-Identifier: Apache-2.0
// Direct and indirect probes, the only source of liveness, and Lifeguard's suspicion of oneself.
#include <algorithm>

#include "mesh/membership/core.h"
#include "schema/base/mutant.h"

namespace vidai::mesh::membership {
namespace {

constexpr std::size_t kRelaysMax = 64;  // probes made for others at a time
// Of them for one, who probes one member at a time: so many as one's timeouts may be too short.
constexpr std::ptrdiff_t kRelaysEachMax = 8;
constexpr std::size_t kSoonMax = 8;  // suspects that jump the queue

}  // namespace

void Membership::Core::tick() {
    finish_probe();
    review_links();
    const std::uint32_t target = next_target();
    Duration timeout{0};
    if (target != Roster::kNone) timeout = probe_timeout(options_, roster_[target].rtt);
    // Doubt in ourselves is for those whom we might accuse. Whom we already do has the time of its
    // suspicion, and must not keep others from their turn; and who has no connection to anybody is
    // heard by nobody.
    const bool accused = target != Roster::kNone && roster_[target].accused_by(self().id());
    const std::uint32_t doubt = accused || linked_.empty() ? 0 : health_;
    const Duration period = probe_period(options_, timeout, doubt);
    tick_at_ = now_ + period;
    arm(Timer::kTick, tick_at_);
    // The indirect half gets at least as long as the direct one had.
    if (target != Roster::kNone) start_probe(target, std::min(timeout * (doubt + 1), period / 2));
}

void Membership::Core::finish_probe() {
    if (!probe_.active) return;
    const Probe failed = std::move(probe_);
    probe_ = {};
    if (!roster_[failed.target].living()) return;
#ifdef VIDAI_MUTANTS
    const bool heard = now_ - roster_[failed.target].heard_of < std::chrono::seconds(10);
    if (VIDAI_MUTANT("relayed-heartbeats") && heard) return;
#endif
    ++counters_.probes_failed;
    roster_[failed.target].silent = true;
    accuse(failed.target, Evidence::kSilent, self().id());
    // Of three members, the other one's nack is the second opinion that the short suspicion needs.
    if (roster_.living() == 3) {
        for (const NodeId& helper : failed.nacked) {
            if (roster_[failed.target].status == Status::kSuspect) {
                accuse(failed.target, Evidence::kSilent, helper);
            }
        }
    }
    // A helper that did not even say no casts doubt on us, not on the target. Without a single
    // connection there is nobody whom our slowness could accuse falsely.
    const bool isolated = failed.asked == 0 && peers(Status::kDead).empty();
    const auto doubts = static_cast<std::uint32_t>(failed.silent.size());
    if (!isolated) worsen_health(failed.asked > 0 ? doubts : 1);
}

std::uint32_t Membership::Core::next_target() {
    while (!soon_.empty()) {
        const std::uint32_t index = soon_.front();
        soon_.erase(soon_.begin());
        if (roster_[index].living()) return index;
    }
    for (int pass = 0; pass < 2; ++pass) {
        while (!round_.empty()) {
            const std::uint32_t index = round_.back();
            round_.pop_back();
            if (roster_[index].living()) return index;
        }
        for (std::uint32_t i = 1; i < roster_.size(); ++i) {
            if (roster_[i].living()) schedule_probing(i);
        }
    }
    return Roster::kNone;
}

void Membership::Core::schedule_probing(std::uint32_t index) {
    round_.push_back(index);
    std::swap(round_.back(), round_[rng_.below(round_.size())]);
}

// Whoever is accused deserves a second opinion, from a few of us where we are many.
void Membership::Core::probe_soon(std::uint32_t index) {
    const std::uint64_t opinions = 2 * options_.confirmations;
    if (rng_.below(roster_.living()) >= opinions) return;
    const bool known = std::find(soon_.begin(), soon_.end(), index) != soon_.end();
    const bool under_way = probe_.active && probe_.target == index;
    if (!known && !under_way && soon_.size() < kSoonMax) soon_.push_back(index);
}

void Membership::Core::start_probe(std::uint32_t target, Duration direct) {
    ++counters_.probes;
    const Member& member = roster_[target];
    probe_ = {};
    probe_.active = true;
    probe_.target = target;
    probe_.seq = ++seq_;
    probe_.sent = now_;
    probe_.pinged = member.link.up;
    if (!member.link.up) {
        // on_connected() pings, if that is in time.
        if (!bounded()) return ask_helpers();
        connect(target);
    } else {
        ping(target, probe_.seq);
    }
    arm(Timer::kProbe, now_ + direct);
}

void Membership::Core::ping(std::uint32_t target, std::uint64_t seq) {
    const Member& member = roster_[target];
    send(member.id(), Ping{seq, Digest{member.id(), member.version(), member.status}});
}

void Membership::Core::ask_helpers() {
    if (!probe_.active || probe_.asked > 0) return;
    std::vector<std::uint32_t> helpers = peers(Status::kAlive, probe_.target);
    helpers.resize(std::min<std::size_t>(helpers.size(), helper_count(options_, roster_.living())));
    for (const std::uint32_t helper : helpers) {
        const NodeId& id = roster_[helper].id();
        send(id, IndirectPing{probe_.seq, roster_[probe_.target].id()});
        probe_.silent.push_back(id);
        ++counters_.indirect_probes;
    }
    probe_.asked = static_cast<std::uint32_t>(helpers.size());
}

void Membership::Core::on_body(const NodeId& from, const Ping& body) {
    if (body.target.id != self().id()) return;
    send(from, Ack{body.seq});
    const bool accused =
        body.target.status == Status::kSuspect || body.target.status == Status::kDead;
    if (accused && body.target.version == self().version()) refute(from);
    if (body.target.version < self().version()) send(from, Gossip{{self().claim}});
}

void Membership::Core::on_body(const NodeId& from, const Ack& body) {
    if (probe_.active && body.seq == probe_.seq) {
        Member& target = roster_[probe_.target];
        const bool direct = from == target.id();
        const auto asked = [&](const std::vector<NodeId>& helpers) {
            return std::find(helpers.begin(), helpers.end(), from) != helpers.end();
        };
        if (!direct && !asked(probe_.silent) && !asked(probe_.nacked)) return;
        if (direct) learn(target, probe_.sent);
        probe_.active = false;
        improve_health();
        // Patience is for those who do not answer: once this one has, the next is due in its time.
        tick_at_ = std::max(now_, probe_.sent + interval_);
        arm(Timer::kTick, tick_at_);
        return;
    }
    const auto relay = std::find_if(relays_.begin(), relays_.end(), [&](const Relay& open) {
        return open.our_seq == body.seq && roster_[open.target].id() == from;
    });
    if (relay == relays_.end()) return;
    learn(roster_[relay->target], relay->sent);
    send(relay->requester, Ack{relay->their_seq});
    relays_.erase(relay);
}

// A late answer teaches patience, but no more than it was waited for, and none where it ends a
// silence: a ping that sat out a partition in a connection's buffer says nothing of the round trip,
// and would have that member probed slowly for a minute.
void Membership::Core::learn(Member& member, MonoTime sent) {
    member.acked = now_;
    if (std::exchange(member.silent, false)) member.answered = now_;
    if (sent < member.answered) return;
    member.rtt.add(std::min<Duration>(now_ - sent, probe_timeout(options_, member.rtt)));
}

void Membership::Core::on_body(const NodeId& from, const IndirectPing& body) {
    const std::uint32_t target = roster_.find(body.target);
    if (target == Roster::kSelf) return send(from, Ack{body.seq});
    const bool reachable = target != Roster::kNone && (roster_[target].link.up || bounded());
    if (!reachable) return send(from, Nack{body.seq});
    // Too busy to ask is no opinion: silence is the honest answer.
    const auto asked = std::ranges::count(relays_, from, &Relay::requester);
    if (relays_.size() >= kRelaysMax || asked >= kRelaysEachMax) return;
    relays_.push_back({from, body.seq, ++seq_, target, now_});
    if (roster_[target].link.up) {
        ping(target, seq_);
    } else {
        connect(target);
    }
    arm_relay(seq_, now_ + probe_timeout(options_, roster_[target].rtt));
}

void Membership::Core::on_relay_timer(std::uint32_t seq) {
    const auto relay = std::find_if(relays_.begin(), relays_.end(), [&](const Relay& open) {
        return static_cast<std::uint32_t>(open.our_seq) == seq;
    });
    if (relay == relays_.end()) return;
    send(relay->requester, Nack{relay->their_seq});
    relays_.erase(relay);
}

void Membership::Core::on_body(const NodeId& from, const Nack& body) {
    if (!probe_.active || body.seq != probe_.seq) return;
    if (std::erase(probe_.silent, from) == 0) return;
    probe_.nacked.push_back(from);
    ++counters_.nacks;
    if (!probe_.silent.empty()) return;
    // All whom we asked have answered in time, so that it is not we who are slow.
    const Duration period =
        probe_period(options_, probe_timeout(options_, roster_[probe_.target].rtt), 0);
    const MonoTime end = std::max(now_, probe_.sent + period);
    if (end >= tick_at_) return;
    tick_at_ = end;
    arm(Timer::kTick, tick_at_);
}

}  // namespace vidai::mesh::membership
