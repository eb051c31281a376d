// SPDX-License-Identifier: Apache-2.0
// What there is still to tell: the rumor told least often goes first, and a rumor that a newer one
// makes pointless is dropped, so that the queue is bounded by the roster and not by its history.
// Not thread-safe; part of the membership core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "mesh/membership/message.h"

namespace vidai::mesh::membership {

class Rumors {
  public:
    // A claim replaces all that is queued about its subject, a `dead` all other accusations.
    void add(Rumor rumor);
    // Whether what is queued about this member may be told now.
    using May = std::function<bool(const NodeId& subject)>;

    // Up to `most` rumors told least often, each counted as told once more and forgotten once told
    // `transmissions` times. A claim of whom nothing may be told stays, and what is said of it with
    // it: who has not heard that word could not judge it.
    std::vector<Rumor> take(std::size_t most, std::uint32_t transmissions, const May& may = {});
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
