// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/settling.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace vidai::mesh::usage {

namespace {

std::uint64_t size_of(const Span& span) {
    return span.through < span.from ? 0 : span.through - span.from + 1;
}

}  // namespace

// FNV-1a over both names, and splitmix64's last steps, so that each bit counts.
std::uint64_t Settling::score(const NodeId& peer) const {
    std::uint64_t hash = 0xcbf29ce484222325U;
    const auto add = [&](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3U; };
    for (const std::uint8_t byte : origin_.bytes) add(byte);
    for (const char byte : std::string_view(peer.str())) add(static_cast<std::uint8_t>(byte));
    hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9U;
    hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebU;
    return hash ^ (hash >> 31U);
}

void Settling::on_peers(const std::vector<NodeId>& peers, MonoTime now) {
    const std::set<NodeId> here(peers.begin(), peers.end());
    for (const NodeId& id : here) {
        const auto [at, fresh] = peers_.try_emplace(id);
        Peer& peer = at->second;
        if (!fresh && !peer.gone) continue;
        peer.met = now;
        peer.gone.reset();
        peer.told = false;  // it may have an empty volume by now
        peer.asked.reset();
    }
    for (auto& [id, peer] : peers_) {
        if (!here.contains(id) && !peer.gone) peer.gone = now;
    }
    const auto lost = std::erase_if(peers_, [&](const auto& one) {
        return one.second.gone && now - *one.second.gone >= patience_.holder;
    });
    if (lost > 0) cover();
    choose(now);
}

void Settling::choose(MonoTime now) {
    if (keeper_) {
        const auto held = peers_.find(*keeper_);
        const bool stays = held != peers_.end() &&
                           (!held->second.gone || now - *held->second.gone < patience_.keeper);
        if (stays) return;
    }
    keeper_.reset();
    std::uint64_t best = 0;
    for (const auto& [id, peer] : peers_) {
        if (peer.gone || (keeper_ && score(id) <= best)) continue;
        best = score(id);
        keeper_ = id;
    }
    new_from_ = own_.through;
    under_way_.clear();
    cover();
}

// What is settled, by whoever has it, and what will be when those under way have arrived.
void Settling::cover() {
    settled_ = absent_;
    for (const auto& [id, peer] : peers_) settled_.insert(peer.held);
    std::erase_if(under_way_, [&](const UnderWay& one) { return settled_.contains(one.span); });
    covered_ = settled_;
    for (const UnderWay& one : under_way_) covered_.insert(one.span);
}

void Settling::on_held(const NodeId& by, std::uint64_t floor, Numbers held, MonoTime now) {
    const auto found = peers_.find(by);
    if (found == peers_.end() || found->second.gone || held.runs() > kRunsMax) return;
    found->second.told = true;
    found->second.asked.reset();
    found->second.floor = floor;
    if (found->second.held == held) return;
    found->second.held = std::move(held);
    cover();
    count(now);
}

void Settling::on_own(const Span& own) {
    own_ = own;
}

void Settling::on_absent(const Span& span) {
    absent_.insert(span);
    settled_.insert(span);
    covered_.insert(span);
}

std::vector<NodeId> Settling::to_ask(MonoTime now) {
    std::vector<NodeId> ask;
    for (auto& [id, peer] : peers_) {
        if (peer.gone || peer.told) continue;
        if (peer.asked && now - *peer.asked < patience_.question) continue;
        peer.asked = now;
        ask.push_back(id);
    }
    return ask;
}

// What a peer has that has not said so yet would be sent again.
bool Settling::all_told(MonoTime now) const {
    return std::ranges::all_of(peers_, [&](const auto& one) {
        const Peer& peer = one.second;
        return peer.gone || peer.told || now - peer.met >= patience_.answer;
    });
}

std::optional<Span> Settling::next(MonoTime now) {
    if (!keeper_) return std::nullopt;
    const Peer& keeper = peers_.at(*keeper_);
    if (keeper.gone || !keeper.told) return std::nullopt;
    const auto late = std::erase_if(
        under_way_, [&](const UnderWay& one) { return now - one.sent >= patience_.answer; });
    if (late > 0) cover();
    std::uint64_t waiting = 0;
    for (const UnderWay& one : under_way_) waiting += size_of(one.span);
    if (waiting >= kUnderWayMax) return std::nullopt;
    const std::uint64_t from = std::max(own_.from, keeper.floor);
    const auto first_of = [&](const Span& span) -> std::optional<Span> {
        if (size_of(span) == 0) return std::nullopt;
        const auto gaps = covered_.lacking(span, 1);
        return gaps.empty() ? std::nullopt : std::optional(gaps.front());
    };
    if (auto fresh = first_of({std::max(from, new_from_ + 1), own_.through})) return fresh;
    if (!all_told(now)) return std::nullopt;
    return first_of({from, std::min(new_from_, own_.through)});
}

void Settling::on_sent(const Span& part, MonoTime now) {
    under_way_.push_back({part, now});
    covered_.insert(part);
}

void Settling::count(MonoTime now) {
    std::uint64_t first = own_.through + 1;
    unsettled_ = 0;
    if (size_of(own_) > 0) {
        const auto gaps = settled_.lacking(own_);
        if (!gaps.empty()) first = gaps.front().from;
        for (const Span& gap : gaps) unsettled_ += size_of(gap);
    }
    const bool other = first - 1 != settled_through_;
    settled_through_ = first - 1;
    if (unsettled_ == 0) {
        waiting_since_.reset();
    } else if (other || !waiting_since_) {
        waiting_since_ = now;
    }
}

Duration Settling::waiting(MonoTime now) const {
    return waiting_since_ ? now - *waiting_since_ : Duration{};
}

}  // namespace vidai::mesh::usage
