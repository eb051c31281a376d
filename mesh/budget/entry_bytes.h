// SPDX-License-Identifier: Apache-2.0
// Entries to and from their records. Pure; any thread.
#pragma once

#include "mesh/budget/entry.h"
#include "schema/records/budget_generated.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::budget {

using Builder = flatbuffers::FlatBufferBuilder;

flatbuffers::Offset<records::budget::Header> write_header(Builder& out, const LogHeader& header);
flatbuffers::Offset<records::budget::Entry> write_entry(Builder& out, const Entry& entry);
records::budget::LogId write_log(const LogId& log);

// Of a buffer that was verified. kCorrupt: a part is missing or out of its bounds.
Result<LogHeader> read_header(const records::budget::Header* in);
Result<EntryRef> read_entry(const records::budget::Entry* in);
LogId read_log(const records::budget::LogId& in);

}  // namespace vidai::mesh::budget
