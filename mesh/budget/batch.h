// SPDX-License-Identifier: Apache-2.0
// Batches: a log as bytes. The owner of a log makes each batch once, names the one before it by its
// hash and signs it; custodians and heirs keep and pass on those bytes as they are. So a log is a
// hash chain under one key, and two batches that go on from one place are proof that its owner, or
// a copy of its volume, has forked it. Encoding: schema/records/budget.fbs. Pure; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "mesh/budget/entry.h"
#include "mesh/seal/encoding.h"
#include "mesh/seal/keys.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::budget {

using BatchHash = std::array<std::uint8_t, 32>;  // BLAKE2b of mesh and batch

// Where a log ends.
struct Head {
    Seq seq = 0;
    BatchHash hash{};  // of the batch that ends there; zeros before the first
    friend bool operator==(const Head&, const Head&) = default;
};

// An Adopt carries a third of a mesh's budgets: 328 bytes for each of 10^5 of them, at most.
inline constexpr std::size_t kBatchBytesMax = 64U << 20;
inline constexpr std::size_t kBatchEntriesMax = 65'536;
// A budget's name, as an operator may give it.
inline constexpr std::size_t kBudgetIdMax = 128;

struct Batch {
    std::optional<LogHeader> header;  // of a log's first batch
    LogId log;
    Head before;
    // At least one; where there is none here entries_of() reads them in the bytes.
    std::vector<EntryRef> entries;
    Head head;          // behind it
    seal::Bytes bytes;  // what is signed, stored and sent
    seal::Signature signature;
};

// CHECKs that `entries` has between one and kBatchEntriesMax, and `key` is the log's. `header`: for
// a log's first batch.
Batch make_batch(const MeshId& mesh, const LogHeader& header, const Head& before,
                 std::span<const EntryRef> entries, const seal::SecretKey& key);

// kCorrupt: not what make_batch() makes for this mesh under the key of the log that it names. What
// its entries do is for LogState to say.
// kKnown: it was verified before, and is as it was: a journal's checksums say so.
enum class Signed : std::uint8_t { kVerify, kKnown };
Result<Batch> decode_batch(const MeshId& mesh, seal::ByteView bytes,
                           const seal::Signature& signature, Signed how = Signed::kVerify);

// All entries of a batch, in order. CHECKs that it is one of make_batch() or decode_batch(), or
// made of one by without_entries().
std::vector<EntryRef> entries_of(const Batch& batch);
// The same batch in a third of the memory.
Batch without_entries(const Batch& batch);

// Whether `next` goes on where `head` ends. kConflict: entries are missing in between, or it is
// known. kCorrupt: it goes on from something else at the same place, so that the log has forked.
Result<void> follows(const Head& head, const Batch& next);

}  // namespace vidai::mesh::budget
