// SPDX-License-Identifier: Apache-2.0
// PeerQuota: how many bytes one peer may send unasked, by what they are for, so that a noisy or
// hostile node with a good certificate cannot take the time of the others: a token bucket each.
// What is beyond is not read; an honest sender takes it for lost and tells it again later. Answers
// that this node asked for are bounded by its questions and not counted here. What a peer makes
// this node hold is bounded where it is held (limits::StoreOptions, state::kRegistersPerOriginMax).
// Pure; mesh thread.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>

#include "mesh/transport/traffic.h"
#include "schema/base/token_bucket.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

// Several times what a node with as many keys, peers and rumors as there may be sends.
inline constexpr std::array<RateLimit, transport::kTrafficKinds> kPeerQuota = {{
    {1 << 20, 8 << 20},    // membership
    {16 << 20, 32 << 20},  // counters: all keys change each second
    {1 << 20, 4 << 20},    // registers
    {16 << 20, 32 << 20},  // money: logs of others that are kept here
    {8 << 20, 16 << 20},   // usage: others' events
}};

class PeerQuota {
  public:
    // Whether `peer` may have so many bytes read now; takes them if so.
    bool take(const NodeId& peer, transport::TrafficKind kind, std::uint64_t bytes, MonoTime now) {
        const auto index = static_cast<std::size_t>(kind);
        const auto amount = static_cast<double>(bytes);
        if (of(peer)[index].take(amount, kPeerQuota[index], now)) return true;
        refused_[index] += bytes;
        return false;
    }
    // Whether a refusal of now is worth a line: one a minute for each peer.
    bool worth_saying(const NodeId& peer, MonoTime now) {
        if (said_.size() >= kPeersMax) said_.clear();
        const auto [at, fresh] = said_.try_emplace(peer, now);
        if (!fresh && now - at->second < std::chrono::minutes(1)) return false;
        at->second = now;
        return true;
    }
    const std::array<std::uint64_t, transport::kTrafficKinds>& refused_bytes() const {
        return refused_;
    }

  private:
    static constexpr std::size_t kPeersMax = 4'096;
    using Buckets = std::array<TokenBucket, transport::kTrafficKinds>;

    // Kept when the connection ends, or a new one would be a new quota; with too many, those go
    // who have sent nothing for longest.
    Buckets& of(const NodeId& peer) {
        const auto found = peers_.find(peer);
        if (found != peers_.end()) return found->second;
        if (peers_.size() >= kPeersMax) {
            const auto newest = [](const Buckets& buckets) {
                return std::ranges::max(buckets, {}, &TokenBucket::used_at).used_at();
            };
            peers_.erase(std::ranges::min_element(
                peers_, {}, [&](const auto& entry) { return newest(entry.second); }));
        }
        return peers_[peer];
    }

    std::map<NodeId, Buckets> peers_;
    std::map<NodeId, MonoTime> said_;
    std::array<std::uint64_t, transport::kTrafficKinds> refused_{};
};

}  // namespace vidai::mesh::rpc
