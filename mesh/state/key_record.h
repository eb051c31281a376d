// SPDX-License-Identifier: Apache-2.0
// A client's API key as it is replicated: never the secret, only its salted hash, its allow-list,
// its limits and the budgets it stands under. A value; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::state {

// Absent means unlimited. All are counted mesh-wide: requests and tokens over a sliding
// minute, concurrency as what is open on nodes that live.
struct KeyLimits {
    std::optional<std::uint32_t> requests_per_minute;
    std::optional<std::uint64_t> tokens_per_minute;
    std::optional<std::uint32_t> concurrency;
    friend bool operator==(const KeyLimits&, const KeyLimits&) = default;
};

inline constexpr std::size_t kKeyBudgetsMax = 8;

// Whose a key is, as whoever made it says: names for limits and reports, each of at most 128 bytes;
// empty: nobody's.
struct KeyOwner {
    std::string user, team, project;
    friend bool operator==(const KeyOwner&, const KeyOwner&) = default;
};

struct KeyRecord {
    KeyId id;          // 12 of A-Z a-z 0-9; the look-up part of "sk-vidai-<id>-<secret>"
    std::string name;  // for people; may be empty
    std::array<std::uint8_t, 16> salt{};
    std::array<std::uint8_t, 32> hash{};  // BLAKE2b-256 of the whole key text, salted
    std::vector<std::string> models;      // aliases allowed; empty: all
    KeyLimits limits;
    WallTime created;
    bool revoked = false;
    // Hard budgets that it stands under: a request must be covered by each. Empty: by none, and
    // what it spends is counted only. One that no node knows is a refusal.
    std::vector<BudgetId> budgets;
    KeyOwner owner{};
    friend bool operator==(const KeyRecord&, const KeyRecord&) = default;
};

}  // namespace vidai::mesh::state
