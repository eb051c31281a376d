// SPDX-License-Identifier: Apache-2.0
// Top-ups to and from their records. Pure; any thread.
#pragma once

#include <string>
#include <utility>

#include "mesh/budget/top_up.h"
#include "schema/records/budget_generated.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::budget {

// One with its id; where it is named to be ended, its id alone.
using NamedTopUp = std::pair<std::string, TopUp>;
using TopUpRecords = flatbuffers::Vector<flatbuffers::Offset<records::budget::TopUp>>;

flatbuffers::Offset<records::budget::TopUp> write_top_up(flatbuffers::FlatBufferBuilder& out,
                                                         const std::string& id, const TopUp& one);
// Of none they are left out, so that the bytes are those that older programs write.
flatbuffers::Offset<TopUpRecords> write_open(flatbuffers::FlatBufferBuilder& out,
                                             const std::map<std::string, TopUp>& open);

// Of a buffer that was verified; kCorrupt: a part is missing or out of its bounds.
Result<NamedTopUp> read_top_up(const records::budget::TopUp* in, bool id_alone = false);
// Null: none.
Result<std::map<std::string, TopUp>> read_open(const TopUpRecords* in);
Result<TopUps> read_top_ups(const records::budget::Budget& in);

}  // namespace vidai::mesh::budget
