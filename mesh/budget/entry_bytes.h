// SPDX-License-Identifier: Apache-2.0
// Entries to and from their records. Pure; any thread.
#pragma once

#include <bitset>
#include <cstdint>
#include <utility>

#include "mesh/budget/entry.h"
#include "schema/records/budget_generated.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::budget {

using Builder = flatbuffers::FlatBufferBuilder;

flatbuffers::Offset<records::budget::Header> write_header(Builder& out, const LogHeader& header);
flatbuffers::Offset<records::budget::Entry> write_entry(Builder& out, const Entry& entry);
records::budget::LogId write_log(const LogId& log);
records::budget::Account write_account(const AccountName& name, MicroUsd returned);
flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<records::budget::Budget>>>
write_budgets(Builder& out, const Budgets& budgets);
flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> write_owned(
    Builder& out, const std::bitset<kBuckets>& owned);

// Of a buffer that was verified. kCorrupt: a part is missing or out of its bounds.
Result<LogHeader> read_header(const records::budget::Header* in);
Result<EntryRef> read_entry(const records::budget::Entry* in);
LogId read_log(const records::budget::LogId& in);
std::pair<AccountName, MicroUsd> read_account(const records::budget::Account& in);
Result<Budgets> read_budgets(
    const flatbuffers::Vector<flatbuffers::Offset<records::budget::Budget>>* in);
Result<std::bitset<kBuckets>> read_owned(const flatbuffers::Vector<std::uint8_t>* in);

}  // namespace vidai::mesh::budget
