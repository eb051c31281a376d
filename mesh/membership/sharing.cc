// SPDX-License-Identifier: Apache-2.0
// How words travel: events as rumors, whole rosters by state exchange.
#include <algorithm>
#include <utility>

#include "mesh/membership/core.h"

namespace vidai::mesh::membership {
namespace {

// `news` in messages of at most kRumorsPerMessage; `make` wraps one part.
template <class Make>
void in_parts(const std::vector<Rumor>& news, Make make) {
    for (std::size_t at = 0; at < news.size(); at += kRumorsPerMessage) {
        const auto first = news.begin() + static_cast<std::ptrdiff_t>(at);
        const std::size_t count = std::min(kRumorsPerMessage, news.size() - at);
        make(std::vector<Rumor>(first, first + static_cast<std::ptrdiff_t>(count)));
    }
}

}  // namespace

void Membership::Core::share() {
    if (has_left()) return rumors_.clear();
    if (roster_.living() > options_.push_all_max) {
        return gossip_at(std::max(now_, gossiped_at_ + options_.gossip_interval));
    }
    // Connections do not lose what they take, and who has none gets it by state exchange once it
    // has: each is told once. But one word of each member in an interval, the newest: whoever says
    // many must not make all others spend their quotas, which their probes live on, in passing
    // them on.
    const std::vector<std::uint32_t> all = peers(Status::kDead);
    for (;;) {
        const std::vector<Rumor> news = rumors_.take_once(
            kRumorsPerMessage, [this](const NodeId& subject) { return may_tell(subject); });
        if (news.empty()) break;
        push(news, all);
        for (const Rumor& rumor : news) {
            const auto* claim = std::get_if<ClaimRef>(&rumor);
            const std::uint32_t index = claim ? roster_.find((*claim)->id) : Roster::kNone;
            if (index == Roster::kNone) continue;
            roster_[index].quiet_until = now_ + options_.gossip_interval;
        }
    }
    if (!rumors_.empty()) gossip_at(now_ + options_.gossip_interval);
}

bool Membership::Core::may_tell(const NodeId& subject) const {
    const std::uint32_t index = roster_.find(subject);
    return index == Roster::kNone || now_ >= roster_[index].quiet_until;
}

void Membership::Core::gossip_at(MonoTime at) {
    if (!std::exchange(gossip_armed_, true)) arm(Timer::kGossip, at);
}

void Membership::Core::gossip() {
    gossip_armed_ = false;
    gossiped_at_ = now_;
    if (roster_.living() <= options_.push_all_max) return;  // share() tells what was held back
    std::vector<std::uint32_t> some = peers(Status::kSuspect);
    if (some.empty()) rumors_.clear();
    some.resize(std::min<std::size_t>(some.size(), options_.fanout));
    const std::uint32_t limit = transmissions(options_, roster_.living());
    for (const std::uint32_t peer : some) {
        if (!rumors_.empty()) push(rumors_.take(kRumorsPerMessage, limit), {&peer, 1});
    }
    // share() arms the next one while anything is left to tell.
}

void Membership::Core::push(const std::vector<Rumor>& rumors, std::span<const std::uint32_t> to) {
    for (const std::uint32_t peer : to) {
        send(roster_[peer].id(), Gossip{rumors});
        counters_.rumors_sent += rumors.size();
    }
}

// Shuffled indices of connected members no worse than `worst` (alive, suspect, dead).
std::vector<std::uint32_t> Membership::Core::peers(Status worst, std::uint32_t except) {
    std::vector<std::uint32_t> found;
    for (const std::uint32_t i : linked_) {
        if (i == except || roster_[i].link.parting || roster_[i].status > worst) continue;
        found.push_back(i);
        std::swap(found.back(), found[rng_.below(found.size())]);
    }
    return found;
}

void Membership::Core::sync_with_somebody() {
    const std::vector<std::uint32_t> some = peers(Status::kSuspect);
    if (!some.empty()) request_sync(roster_[some.front()].id(), sync_cursor_);
    arm(Timer::kSync, now_ + options_.sync_interval);
}

// Sends the digests of one range that starts at `cursor`, and moves it to the next range.
void Membership::Core::request_sync(const NodeId& peer, NodeId& cursor) {
    SyncRequest request;
    request.first = cursor;
    const std::span<const std::uint32_t> all = roster_.by_id();
    std::size_t at = roster_.lower_bound(cursor);
    for (; at < all.size(); ++at) {
        const Member& member = roster_[all[at]];
        const bool is_self = all[at] == Roster::kSelf;
        if (request.digests.size() == kDigestsPerMessage) break;
        // What nobody vouched for is not news.
        if (member.status == Status::kJoining && !is_self) continue;
        if (!is_self && aged(member)) continue;
        const Status status = member.status == Status::kJoining ? Status::kAlive : member.status;
        request.digests.push_back(
            {member.id(), member.version(), status, !member.claim->profile.empty()});
    }
    request.end = at == all.size() ? NodeId() : roster_[all[at]].id();
    cursor = request.end;
    send(peer, std::move(request));
}

void Membership::Core::rumors_about(const Member& member, bool with_claim,
                                    std::vector<Rumor>& out) const {
    if (member.status == Status::kJoining && &member != &roster_[Roster::kSelf]) return;
    if (with_claim) out.emplace_back(member.claim);
    if (member.status == Status::kDead) {
        const NodeId& by = member.declared_by ? *member.declared_by : NodeId();
        out.emplace_back(
            Accusation{member.id(), member.version(), Status::kDead, Evidence::kSilent, by});
    }
    if (!member.suspicion) return;
    for (const auto& [accuser, evidence] : member.suspicion->accusers) {
        out.emplace_back(
            Accusation{member.id(), member.version(), Status::kSuspect, evidence, accuser});
    }
}

void Membership::Core::on_body(const NodeId& from, const Gossip& body) {
    for (const Rumor& rumor : body.rumors) {
        hear(rumor, Source::kGossip);
        const auto* claim = std::get_if<ClaimRef>(&rumor);
        if (claim != nullptr && (*claim)->id == from) tell_of_other(**claim);
    }
}

// Whoever says of itself less than is known of it hears what is known at once. Its disk was put
// back and nobody else may know; or it is one of two processes with one identity: each takes the
// connection from the other, so that there is no later.
void Membership::Core::tell_of_other(const Claim& said) {
    const std::uint32_t index = roster_.find(said.id);
    if (index == Roster::kNone || roster_.supersedes(said, index)) return;
    if (const auto back = set_back_.find(said.id); back != set_back_.end()) {
        send(said.id, Gossip{{back->second}});
    }
    const ClaimRef& held = roster_[index].claim;
    const bool same_word = said.version == held->version && said.signature == held->signature;
    if (!same_word) send(said.id, Gossip{{held}});
}

void Membership::Core::on_body(const NodeId& from, const SyncRequest& body) {
    std::vector<Rumor> news;
    SyncReply reply;
    auto theirs = body.digests.begin();
    const std::span<const std::uint32_t> all = roster_.by_id();
    std::size_t mine = roster_.lower_bound(body.first);
    const auto my_id = [&]() -> const NodeId& { return roster_[all[mine]].id(); };
    const auto mine_in_range = [&] {
        return mine < all.size() && (body.end.empty() || my_id() < body.end);
    };
    while (theirs != body.digests.end() || mine_in_range()) {
        if (theirs == body.digests.end() || (mine_in_range() && my_id() < theirs->id)) {
            if (!aged(roster_[all[mine]])) rumors_about(roster_[all[mine]], true, news);
            ++mine;
        } else if (!mine_in_range() || theirs->id < my_id()) {
            reply.wanted.push_back(theirs->id);
            ++theirs;
        } else {
            compare(from, all[mine], *theirs, news, reply.wanted);
            ++mine;
            ++theirs;
        }
    }
    in_parts(news, [&](std::vector<Rumor> part) {
        reply.rumors = std::move(part);
        send(from, std::move(reply));
        reply = {};
    });
    if (!reply.wanted.empty()) send(from, std::move(reply));
}

void Membership::Core::compare(const NodeId& from, std::uint32_t index, const Digest& theirs,
                               std::vector<Rumor>& news, std::vector<NodeId>& wanted) {
    const bool they_accuse = theirs.status == Status::kSuspect || theirs.status == Status::kDead;
    if (index == Roster::kSelf && they_accuse && theirs.version == self().version()) refute(from);
    Member& mine = roster_[index];
    if (theirs.version > mine.version()) return wanted.push_back(theirs.id);
    if (theirs.version < mine.version()) return rumors_about(mine, true, news);
#ifdef VIDAI_MUTANTS
    if (theirs.status == Status::kAlive) mine.heard_of = now_;
#endif
    // The same word, judged differently: whoever has heard less asks or is told.
    if (mine.status == Status::kJoining) {
        vouch(index, *mine.claim);
        if (they_accuse) wanted.push_back(theirs.id);
    } else if (theirs.described && mine.claim->profile.empty()) {
        wanted.push_back(theirs.id);
    } else if (!theirs.described && !mine.claim->profile.empty() && keeps_profiles(from)) {
        rumors_about(mine, true, news);
    } else if (theirs.status < mine.status) {
        rumors_about(mine, false, news);
    } else if (theirs.status > mine.status) {
        wanted.push_back(theirs.id);
    }
}

// Whoever would drop them need not be told again and again.
bool Membership::Core::keeps_profiles(const NodeId& peer) const {
    const std::uint32_t index = roster_.find(peer);
    return index != Roster::kNone && roster_[index].claim->wire.newest >= kProfileWire;
}

void Membership::Core::on_body(const NodeId& from, const SyncReply& body) {
    for (const Rumor& rumor : body.rumors) hear(rumor, Source::kSync);
    std::vector<Rumor> news;
    for (const NodeId& id : body.wanted) {
        const std::uint32_t index = roster_.find(id);
        if (index != Roster::kNone) rumors_about(roster_[index], true, news);
    }
    in_parts(news, [&](std::vector<Rumor> part) { send(from, SyncDelta{std::move(part)}); });
}

void Membership::Core::on_body(const NodeId&, const SyncDelta& body) {
    for (const Rumor& rumor : body.rumors) hear(rumor, Source::kSync);
}

}  // namespace vidai::mesh::membership
