// SPDX-License-Identifier: Apache-2.0
// Batches that a bad owner signs: what is read can be folded without harm, and written again is
// read as the same.
#include <array>

#include "mesh/budget/batch.h"
#include "mesh/budget/log_state.h"
#include "schema/vocabulary/check.h"

namespace budget = vidai::mesh::budget;
namespace seal = vidai::mesh::seal;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::array<std::uint8_t, 32> seed{7};
    static const seal::SecretKey key = seal::SecretKey::from_seed(seed);
    constexpr vidai::MeshId kMesh{{1, 2, 3}};
    seal::Bytes part;
    seal::Writer(part).fixed(kMesh.bytes).fixed({data, size});
    const auto batch =
        budget::decode_batch(kMesh, {data, size}, key.sign(seal::Domain::kLogBatch, part));
    if (!batch) return 0;
    const budget::LogHeader header = batch->header.value_or(budget::LogHeader{batch->log, {}, {}});
    budget::LogState state(header);
    for (const budget::EntryRef& entry : batch->entries) (void)state.apply(*entry);
    const budget::Batch again =
        budget::make_batch(kMesh, header, batch->before, batch->entries, key);
    const auto read = budget::decode_batch(kMesh, again.bytes, again.signature);
    CHECK(read && read->head == again.head && read->entries.size() == batch->entries.size());
    return 0;
}
