// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/time_of_day.h"

#include <algorithm>
#include <chrono>
#include <vector>

namespace vidai::mesh::budget {

namespace {

constexpr Duration kApart = std::chrono::milliseconds(500);
constexpr Duration kSteady = std::chrono::minutes(1);
// So long a process waits to be connected, before it takes itself for cut off.
constexpr Duration kConnects = std::chrono::seconds(5);
constexpr std::size_t kMany = 2;  // others, and a majority can be right

// How far this node's clock, which is 0, is from what it is held to.
Duration apart(const std::vector<Duration>& peers) {
    std::vector<Duration> all = peers;
    if (all.size() >= kMany) all.emplace_back();
    std::ranges::sort(all);
    return std::chrono::abs((all[(all.size() - 1) / 2] + all[all.size() / 2]) / 2);
}

}  // namespace

std::optional<TimeOfDay> ClockJudge::judge(WallTime wall, MonoTime now, const PeerClocks& peers) {
    if (!began_) began_ = now;
    const Duration ahead = Duration(wall.time_since_epoch()) - now.time_since_epoch();
    if (before_ && std::chrono::abs(ahead - *before_) > kApart) jumped_ = now;
    before_ = ahead;
    const bool steady = !jumped_ || now - *jumped_ >= kSteady;
    if (peers.others < kMany && peers.ahead.size() < kMany) return TimeOfDay{wall, steady};
    if (peers.ahead.empty()) {
        const bool cut_off = peers.connected == 0 && now - *began_ >= kConnects;
        return cut_off ? std::optional(TimeOfDay{wall, steady}) : std::nullopt;
    }
    if (!steady || apart(peers.ahead) > kApart) return std::nullopt;
    return TimeOfDay{wall, true};
}

}  // namespace vidai::mesh::budget
