// SPDX-License-Identifier: Apache-2.0
// Traffic: bytes that peers and operators cost, by peer and by what they were for. The first
// kPeersNamed peers of a process have an entry each for ever, all further ones share one, so that
// neither the memory nor the series that a scraper sees grow with the mesh. Mesh thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

#include "schema/vocabulary/ids.h"

namespace vidai::mesh::transport {

inline constexpr std::size_t kPeersNamed = 64;
inline constexpr std::string_view kOtherPeers = "other";  // a node of that name is among them

enum class TrafficKind : std::uint8_t { kMembership, kCounters, kRegisters, kMoney, kUsage };
inline constexpr std::size_t kTrafficKinds = 5;
inline constexpr std::array<std::string_view, kTrafficKinds> kTrafficKindNames = {
    "membership", "counters", "registers", "money", "usage"};

struct PeerTraffic {
    std::array<std::uint64_t, kTrafficKinds> in{}, out{};  // messages, without their envelope
    std::uint64_t wire_in = 0, wire_out = 0;               // everything, sealed

    void add_in(TrafficKind kind, std::uint64_t words) {
        in[static_cast<std::size_t>(kind)] += 8 * words;
    }
    void add_out(TrafficKind kind, std::uint64_t words) {
        out[static_cast<std::size_t>(kind)] += 8 * words;
    }
};

class Traffic {
  public:
    // Stays where it is for as long as this lives.
    PeerTraffic& of(const NodeId& peer) {
        const auto found = named_.find(peer);
        if (found != named_.end()) return found->second;
        if (named_.size() >= kPeersNamed || peer.str() == kOtherPeers) return other_;
        return named_[peer];
    }
    bool is_named(const NodeId& peer) const { return named_.contains(peer); }
    const std::map<NodeId, PeerTraffic>& named() const { return named_; }
    const PeerTraffic& other() const { return other_; }

    PeerTraffic& operators() { return operators_; }  // over the mesh port
    const PeerTraffic& operators() const { return operators_; }

  private:
    std::map<NodeId, PeerTraffic> named_;
    PeerTraffic other_, operators_;
};

}  // namespace vidai::mesh::transport
