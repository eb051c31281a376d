// SPDX-License-Identifier: Apache-2.0
// Entries to and from their records. Pure; any thread.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "mesh/budget/entry.h"
#include "schema/records/budget_generated.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::budget {

namespace fb = records::budget;

using Builder = flatbuffers::FlatBufferBuilder;
template <class T>
using Offset = flatbuffers::Offset<T>;
template <class T>
using Vector = flatbuffers::Vector<T>;
using BudgetRecords = Vector<Offset<fb::Budget>>;

inline constexpr std::size_t kOwnedBytes = kBuckets / 8;

Offset<fb::Header> write_header(Builder& out, const LogHeader& header);
Offset<fb::Entry> write_entry(Builder& out, const Entry& entry);
fb::LogId write_log(const LogId& log);
fb::Account write_account(const AccountName& name, MicroUsd returned);
Offset<BudgetRecords> write_budgets(Builder& out, const Budgets& budgets);
Offset<Vector<std::uint8_t>> write_owned(Builder& out, const std::bitset<kBuckets>& owned);

// Of a buffer that was verified. kCorrupt: a part is missing or out of its bounds.
Result<LogHeader> read_header(const fb::Header* in);
Result<EntryRef> read_entry(const fb::Entry* in);
LogId read_log(const fb::LogId& in);
std::pair<AccountName, MicroUsd> read_account(const fb::Account& in);
Result<Budgets> read_budgets(const BudgetRecords* in);
Result<std::bitset<kBuckets>> read_owned(const Vector<std::uint8_t>* in);

}  // namespace vidai::mesh::budget
