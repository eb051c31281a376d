// SPDX-License-Identifier: Apache-2.0
// What a node can do that one before it could not, told to all in its signed word (mesh/membership/
// profile.h). A node uses a capability towards the mesh only once all live members have it. Bits
// that this program has no name for are kept and passed on. Pure; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/view.h"
#include "schema/vocabulary/ids.h"

namespace vidai::mesh {

// The number is the bit, for ever: one that is given up is not used again.
enum class Capability : std::uint8_t {
    kRootStatements = 0,
    kRotation = 1,
    kBudgets = 2,
    kLimits = 3,
    kLedger = 4,
    kUsageCopies = 5,
    kBudgetPolicies = 6,
    kMoneyTogether = 7,
    kRateCards = 8,
    kUsageAdjustments = 9,
    kBudgetTopUps = 10,
};

struct CapabilityRow {
    Capability bit;
    std::string_view name;
};
inline constexpr std::array kCapabilityTable = {
    CapabilityRow{Capability::kRootStatements, "root-statements"},  // in register pages
    CapabilityRow{Capability::kRotation, "rotation"},  // of a node's key, while it lives
    CapabilityRow{Capability::kBudgets, "budgets"},    // that a key stands under are enforced
    CapabilityRow{Capability::kLimits, "limits"},      // as registers, and cells of any window
    CapabilityRow{Capability::kLedger, "ledger"},      // keeps logs of budgets, and knows kGenesis
    CapabilityRow{Capability::kUsageCopies, "usage-copies"},        // of others' events, are kept
    CapabilityRow{Capability::kBudgetPolicies, "budget-policies"},  // in those logs
    CapabilityRow{Capability::kMoneyTogether, "money-together"},    // several words of it in a call
    CapabilityRow{Capability::kRateCards, "rate-cards"},            // as registers
    CapabilityRow{Capability::kUsageAdjustments, "usage-adjustments"},  // of others' events, too
    CapabilityRow{Capability::kBudgetTopUps, "budget-top-ups"},         // in them, too
};

constexpr std::uint64_t bit_of(Capability capability) {
    return std::uint64_t{1} << static_cast<unsigned>(capability);
}
inline constexpr std::uint64_t kEveryCapability = [] {
    std::uint64_t all = 0;
    for (const CapabilityRow& row : kCapabilityTable) all |= bit_of(row.bit);
    return all;
}();

// By rising bit; "bit-17" where there is no name.
std::vector<std::string> capability_names(std::uint64_t capabilities);

// Of the members that live (alive or suspect), who lack it: it may be used when that is nobody.
std::vector<NodeId> lacking(std::span<const Member> members, Capability capability);

}  // namespace vidai::mesh
