// SPDX-License-Identifier: Apache-2.0
// What there is still to tell: the rumor told least often goes first, and a rumor that a newer one
// makes pointless is dropped, so that the queue is bounded by the roster and not by its history.
// Not thread-safe; part of the membership core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <unordered_map>
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
    // Whether what is queued about this member may be told now.
    using May = std::function<bool(const NodeId& subject)>;
    // The same, each forgotten at once. A claim of whom nothing may be told stays, and what is said
    // of it with it: who has not heard that word could not judge it.
    std::vector<Rumor> take_once(std::size_t most, const May& may);
    void clear();
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

  private:
    struct Queued {
        Rumor rumor;
        std::size_t told = 0;
    };
    using Level = std::list<Queued>;
    void forget(Level::iterator queued);

    std::vector<Level> told_;  // by how often, at most `transmissions` of them; older ones first
    std::unordered_map<NodeId, std::vector<Level::iterator>> about_;  // never iterated
    std::size_t size_ = 0;
};

}  // namespace vidai::mesh::membership
