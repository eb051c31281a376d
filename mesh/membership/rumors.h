// SPDX-License-Identifier: Apache-2.0
// What there is still to tell: the rumor told least often goes first, and a rumor that a newer one
// makes pointless is dropped, so that the queue is bounded by the roster and not by its history.
// Not thread-safe; part of the membership core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mesh/membership/message.h"

namespace vidai::mesh::membership {

class Rumors {
  public:
    // A claim replaces all that is queued about its subject, a `dead` all other accusations.
    void add(Rumor rumor);
    // Up to `most` rumors told least often, each counted as told once more and forgotten once told
    // `transmissions` times.
    std::vector<Rumor> take(std::size_t most, std::uint32_t transmissions);
    void clear() { queue_.clear(); }
    std::size_t size() const { return queue_.size(); }
    bool empty() const { return queue_.empty(); }

  private:
    struct Queued {
        Rumor rumor;
        std::uint32_t told = 0;
    };
    std::vector<Queued> queue_;  // ascending by `told`, older first among equals
};

}  // namespace vidai::mesh::membership
