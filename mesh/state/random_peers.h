// SPDX-License-Identifier: Apache-2.0
// RandomPeers: the connected peers, and some of them by lot. Pure; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "schema/base/rng.h"
#include "schema/vocabulary/ids.h"

namespace vidai::mesh::state {

class RandomPeers {
  public:
    explicit RandomPeers(std::uint64_t seed) : rng_(seed) {}

    void add(const NodeId& peer) {
        const auto at = std::ranges::lower_bound(peers_, peer);
        if (at == peers_.end() || *at != peer) peers_.insert(at, peer);
    }
    void remove(const NodeId& peer) {
        const auto at = std::ranges::lower_bound(peers_, peer);
        if (at != peers_.end() && *at == peer) peers_.erase(at);
    }
    std::size_t size() const { return peers_.size(); }

    // At most `count` different ones of those that `suits(peer)`.
    template <class Suits>
    std::vector<NodeId> draw(std::size_t count, Suits suits) {
        std::vector<NodeId> left = peers_, drawn;
        while (drawn.size() < count && !left.empty()) {
            std::swap(left[rng_.below(left.size())], left.back());
            if (suits(left.back())) drawn.push_back(left.back());
            left.pop_back();
        }
        return drawn;
    }

  private:
    Rng rng_;
    std::vector<NodeId> peers_;  // sorted, so that the same draws name the same peers
};

}  // namespace vidai::mesh::state
