// SPDX-License-Identifier: Apache-2.0
// An applied rate card as the value of a register. The last kCardsKept versions have a register
// each, whose id is the version's place among so many: so the history of a mesh's prices is
// bounded, and what is older is written over. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mesh/state/card_record.h"
#include "mesh/state/register.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::state {

// The id of its register.
std::string card_place(std::uint32_t version);

// CHECKs that the record is within its bounds.
std::vector<std::uint8_t> encode_card(const CardRecord& record);

// kProtocol unless the register is of kind kCard and holds a record within its bounds, in its
// place, and no newer than the register itself. What the text says is not looked at.
Result<CardRecord> decode_card(const Statement& statement);

}  // namespace vidai::mesh::state
