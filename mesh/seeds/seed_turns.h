// SPDX-License-Identifier: Apache-2.0
// Whose turn it is among the addresses of a seed. Each gets one before any gets its second, so
// that an address which no longer answers, or is this node's own, hides none of the others; within
// a round the order is RFC 2782's: by priority, then at random by weight. Pure; any one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "mesh/seeds/seed_names.h"
#include "schema/base/rng.h"

namespace vidai::mesh::seeds {

class SeedTurns {
  public:
    static constexpr std::size_t kPerDial = 16;

    explicit SeedTurns(std::uint64_t seed) : rng_(seed) {}

    // At most kPerDial of those found that are not `known` already (connected, or this node's own);
    // none when all are.
    std::vector<std::string> next(const std::string& seed, const std::vector<SeedAddress>& found,
                                  const std::function<bool(const std::string&)>& known);

  private:
    std::size_t pick(const std::vector<SeedAddress>& from);

    Rng rng_;
    std::map<std::string, std::set<std::string>> had_;  // a turn in this round, by seed
};

}  // namespace vidai::mesh::seeds
