// SPDX-License-Identifier: Apache-2.0
// A rate card that an operator has applied to the whole mesh, as it is replicated: a text that
// mesh/pricing reads, and who applied it when. A value; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "schema/vocabulary/ids.h"

namespace vidai::mesh::state {

// Of a card in its canonical form: some 150 to 200 prices. What a mesh has to say to all its nodes
// are the prices that differ from the card that ships, or from their own.
inline constexpr std::size_t kCardTextMax = 32 * 1024;
inline constexpr std::size_t kCardByMax = 64;
inline constexpr std::size_t kCardsKept = 16;

struct CardRecord {
    std::uint32_t version = 0;  // from 1; 0: nothing was ever applied
    std::string text;           // empty: from then on none holds
    std::string by;             // the operator; empty: whoever asked on the node's own socket
    NodeId node;                // that was asked
    std::uint64_t stamp = 0;    // hybrid logical clock, when; the greatest is in force

    friend bool operator==(const CardRecord&, const CardRecord&) = default;
};

}  // namespace vidai::mesh::state
