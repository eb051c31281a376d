// SPDX-License-Identifier: Apache-2.0
#include "mesh/seeds/seed_turns.h"

#include <algorithm>
#include <utility>

namespace vidai::mesh::seeds {

// Among those of the lowest priority, each as often as its weight says; +1 gives a weight of 0 the
// small chance that RFC 2782 wants for it.
std::size_t SeedTurns::pick(const std::vector<SeedAddress>& from) {
    const std::uint16_t lowest = std::ranges::min(from, {}, &SeedAddress::priority).priority;
    std::uint64_t total = 0;
    for (const SeedAddress& one : from) total += one.priority == lowest ? one.weight + 1u : 0;
    std::uint64_t left = rng_.below(total);
    for (std::size_t i = 0; i < from.size(); ++i) {
        if (from[i].priority != lowest) continue;
        if (left <= from[i].weight) return i;
        left -= from[i].weight + 1u;
    }
    return 0;  // not reached
}

std::vector<std::string> SeedTurns::next(const std::string& seed,
                                         const std::vector<SeedAddress>& found,
                                         const std::function<bool(const std::string&)>& known) {
    std::vector<SeedAddress> wanted;
    for (const SeedAddress& one : found) {
        if (!known(one.where)) wanted.push_back(one);
    }
    std::set<std::string>& had = had_[seed];
    std::erase_if(had, [&](const std::string& where) {
        return std::ranges::find(wanted, where, &SeedAddress::where) == wanted.end();
    });
    if (had.size() >= wanted.size()) had.clear();
    std::erase_if(wanted, [&](const SeedAddress& one) { return had.contains(one.where); });
    std::vector<std::string> turn;
    while (!wanted.empty() && turn.size() < kPerDial) {
        const auto picked = wanted.begin() + static_cast<std::ptrdiff_t>(pick(wanted));
        if (had.insert(picked->where).second) turn.push_back(picked->where);
        wanted.erase(picked);
    }
    return turn;
}

}  // namespace vidai::mesh::seeds
