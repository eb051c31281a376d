// SPDX-License-Identifier: Apache-2.0
// Policy: what an operator has decided about a budget besides its limit and its calendar. In its
// owner's log, so that it passes to heirs with the money. Value types; any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace vidai::mesh::budget {

// Of the limit, in percent, rising; at most kThresholdsMax, each from 1 to 100.
using Thresholds = std::vector<std::uint8_t>;
inline constexpr std::size_t kThresholdsMax = 8;
inline bool are_thresholds(const Thresholds& all) {
    const bool rising = std::ranges::adjacent_find(all, std::ranges::greater_equal()) == all.end();
    return rising && all.size() <= kThresholdsMax &&
           (all.empty() || (all.front() >= 1 && all.back() <= 100));
}

struct Policy {
    // False: what would be refused is counted and let through, and charged all the same.
    bool enforce = true;
    Thresholds alerts{};  // somebody is told when so much of a window is spent, once each
    friend bool operator==(const Policy&, const Policy&) = default;
};

// What is not said stays as it is.
struct PolicyChange {
    std::optional<bool> enforce;
    std::optional<Thresholds> alerts{};
    friend bool operator==(const PolicyChange&, const PolicyChange&) = default;
};

inline Policy changed(Policy policy, const PolicyChange& change) {
    policy.enforce = change.enforce.value_or(policy.enforce);
    policy.alerts = change.alerts.value_or(policy.alerts);
    return policy;
}

}  // namespace vidai::mesh::budget
