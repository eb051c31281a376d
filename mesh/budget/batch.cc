// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/batch.h"

#include <algorithm>
#include <string>
#include <utility>

#include "mesh/budget/entry_bytes.h"
#include "mesh/seal/domain.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::budget {

namespace {

constexpr flatbuffers::uoffset_t kDepthMax = 8;
// Of 10^5 budgets, two windows each.
constexpr flatbuffers::uoffset_t kTablesMax = 400'000;

std::unexpected<Error> malformed(const char* what) {
    return fail(ErrorCode::kCorrupt, std::string("a batch of a log ") + what);
}

// Of this mesh: no batch means anything in another.
seal::Bytes signed_part(const MeshId& mesh, seal::ByteView bytes) {
    seal::Bytes out;
    out.reserve(mesh.bytes.size() + bytes.size());
    seal::Writer(out).fixed(mesh.bytes).fixed(bytes);
    return out;
}

BatchHash hash_of(const MeshId& mesh, seal::ByteView bytes) {
    BatchHash out;
    seal::digest(seal::Domain::kLogBatchHash, {mesh.bytes, bytes}, {}, out);
    return out;
}

}  // namespace

Batch make_batch(const MeshId& mesh, const LogHeader& header, const Head& before,
                 std::span<const EntryRef> entries, const seal::SecretKey& key) {
    CHECK(!entries.empty() && entries.size() <= kBatchEntriesMax);
    CHECK(key.public_key() == header.id.ledger);
    Batch batch;
    if (before.seq == 0) batch.header = header;
    batch.log = header.id;
    batch.before = before;
    batch.entries.assign(entries.begin(), entries.end());

    Builder out;
    flatbuffers::Offset<fb::Header> head;
    if (batch.header) head = write_header(out, header);
    std::vector<flatbuffers::Offset<fb::Entry>> written;
    written.reserve(entries.size());
    for (const EntryRef& entry : entries) written.push_back(write_entry(out, *entry));
    const auto previous = out.CreateVector(before.hash.data(), before.hash.size());
    const auto all = out.CreateVector(written);
    const fb::LogId log = write_log(header.id);
    out.Finish(fb::CreateBatch(out, head, &log, before.seq, previous, all));
    batch.bytes.assign(out.GetBufferPointer(), out.GetBufferPointer() + out.GetSize());
    CHECK(batch.bytes.size() <= kBatchBytesMax);

    batch.head = {before.seq + entries.size(), hash_of(mesh, batch.bytes)};
    batch.signature = key.sign(seal::Domain::kLogBatch, signed_part(mesh, batch.bytes));
    return batch;
}

Result<Batch> decode_batch(const MeshId& mesh, seal::ByteView bytes,
                           const seal::Signature& signature, Signed how) {
    if (bytes.size() > kBatchBytesMax) return malformed("is too large");
    Batch batch;
    batch.bytes.assign(bytes.begin(), bytes.end());  // aligned, as FlatBuffers wants its scalars
    flatbuffers::Verifier verifier(batch.bytes.data(), batch.bytes.size(), kDepthMax, kTablesMax);
    if (!fb::VerifyBatchBuffer(verifier)) return malformed("is malformed");
    const fb::Batch& in = *fb::GetBatch(batch.bytes.data());
    const bool whole = in.log() != nullptr && in.previous() != nullptr &&
                       in.previous()->size() == batch.before.hash.size() &&
                       in.entries() != nullptr && in.entries()->size() > 0 &&
                       in.entries()->size() <= kBatchEntriesMax;
    if (!whole) return malformed("lacks a part");
    batch.log = read_log(*in.log());
    if (how == Signed::kVerify && !seal::verify(batch.log.ledger, seal::Domain::kLogBatch,
                                                signed_part(mesh, bytes), signature)) {
        return malformed("is not signed by the log's key");
    }
    batch.signature = signature;
    batch.before.seq = in.after();
    std::ranges::copy(*in.previous(), batch.before.hash.begin());
    if ((in.header() != nullptr) != (in.after() == 0)) {
        return malformed("must say who its custodians are if it is the first, and only then");
    }
    if (in.header() != nullptr) {
        auto header = read_header(in.header());
        if (!header) return std::unexpected(header.error());
        if (header->id != batch.log) return malformed("has the header of another");
        batch.header = std::move(*header);
    }
    for (const fb::Entry* one : *in.entries()) {
        auto entry = read_entry(one);
        if (!entry) return std::unexpected(entry.error());
        batch.entries.push_back(std::move(*entry));
    }
    batch.head = {in.after() + batch.entries.size(), hash_of(mesh, bytes)};
    return batch;
}

std::vector<EntryRef> entries_of(const Batch& batch) {
    if (!batch.entries.empty()) return batch.entries;
    std::vector<EntryRef> entries;
    for (const fb::Entry* one : *fb::GetBatch(batch.bytes.data())->entries()) {
        auto entry = read_entry(one);
        CHECK(entry.has_value(), "what was read once is read again");
        entries.push_back(std::move(*entry));
    }
    return entries;
}

Batch without_entries(const Batch& batch) {
    return {batch.header, batch.log, batch.before, {}, batch.head, batch.bytes, batch.signature};
}

Result<void> follows(const Head& head, const Batch& next) {
    if (next.before == head) return {};
    if (next.before.seq == head.seq || next.head.seq == head.seq) {
        if (next.head == head) return fail(ErrorCode::kConflict, "the batch is known");
        return fail(ErrorCode::kCorrupt, "the log has forked at entry " +
                                             std::to_string(next.before.seq) +
                                             ": its volume was rolled back or copied");
    }
    return fail(ErrorCode::kConflict, "the batch begins behind entry " +
                                          std::to_string(next.before.seq) + ", the log ends at " +
                                          std::to_string(head.seq));
}

}  // namespace vidai::mesh::budget
