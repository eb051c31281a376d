// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/snapshot_file.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include <flatbuffers/flatbuffers.h>
#include <sodium/crypto_generichash.h>

#include "mesh/state/register_set.h"
#include "schema/records/records_generated.h"

namespace vidai::mesh::state {

namespace {

constexpr std::string_view kMagic = "VIDAISTA";
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kChecksumBytes = 32;
constexpr std::size_t kHeaderBytes = 8 + 4 + 8 + kChecksumBytes;
constexpr flatbuffers::uoffset_t kDepthMax = 8;

using Checksum = std::array<std::uint8_t, kChecksumBytes>;

Checksum checksum_of(seal::ByteView head, seal::ByteView payload) {
    Checksum out;
    crypto_generichash_state state;
    crypto_generichash_init(&state, nullptr, 0, out.size());
    crypto_generichash_update(&state, head.data(), head.size());
    crypto_generichash_update(&state, payload.data(), payload.size());
    crypto_generichash_final(&state, out.data(), out.size());
    return out;
}

std::unexpected<Error> damaged(const std::string& where, const char* what) {
    return fail(ErrorCode::kCorrupt,
                where + " is damaged (" + what +
                    "). The other nodes of the mesh hold the same records: move the file away and "
                    "start again, and they will be fetched. On a mesh of one restore a copy.",
                where);
}

using ChainTable = std::map<seal::Bytes, std::uint32_t>;

struct Built {
    std::vector<flatbuffers::Offset<records::Blob>> chains;
    std::vector<flatbuffers::Offset<records::Register>> registers;
};

Built build(flatbuffers::FlatBufferBuilder& builder,
            const std::vector<const Register*>& registers) {
    Built built;
    ChainTable chains;
    for (const Register* held : registers) {
        const auto next = static_cast<std::uint32_t>(chains.size());
        const auto [entry, added] = chains.emplace(*held->chain, next);
        if (added) {
            built.chains.push_back(
                records::CreateBlob(builder, builder.CreateVector(*held->chain)));
        }
        const auto statement = builder.CreateVector(encode(held->statement));
        const auto signature =
            builder.CreateVector(held->signature.bytes.data(), held->signature.bytes.size());
        built.registers.push_back(
            records::CreateRegister(builder, entry->second, statement, signature));
    }
    return built;
}

seal::ByteView view_of(const flatbuffers::Vector<std::uint8_t>* bytes) {
    return bytes ? seal::ByteView(bytes->data(), bytes->size()) : seal::ByteView();
}

// The payload passed its checksum, so what is wrong here was written wrong.
Result<StoredState> read_payload(const records::State& stored, const std::string& where) {
    StoredState state;
    const seal::ByteView mesh = view_of(stored.mesh());
    if (mesh.size() != state.mesh.bytes.size()) return damaged(where, "no mesh id");
    std::copy(mesh.begin(), mesh.end(), state.mesh.bytes.begin());

    std::vector<std::shared_ptr<const seal::Bytes>> chains;
    if (stored.chains()) {
        for (const auto* chain : *stored.chains()) {
            const seal::ByteView bytes = view_of(chain->bytes());
            chains.push_back(std::make_shared<seal::Bytes>(bytes.begin(), bytes.end()));
        }
    }
    if (stored.registers()) {
        for (const auto* entry : *stored.registers()) {
            auto statement = decode_statement(view_of(entry->statement()));
            const seal::ByteView signature = view_of(entry->signature());
            Register held;
            if (!statement || signature.size() != held.signature.bytes.size() ||
                entry->chain() >= chains.size()) {
                return damaged(where, "a malformed register");
            }
            held.statement = std::move(*statement);
            std::copy(signature.begin(), signature.end(), held.signature.bytes.begin());
            held.chain = chains[entry->chain()];
            state.registers.push_back(std::move(held));
        }
    }
    if (stored.roster()) {
        for (const auto* member : *stored.roster()) {
            const seal::ByteView bytes = view_of(member->bytes());
            state.roster.emplace_back(bytes.begin(), bytes.end());
        }
    }
    return state;
}

}  // namespace

seal::Bytes encode_state(const MeshId& mesh, const std::vector<const Register*>& registers,
                         const std::vector<seal::Bytes>& roster) {
    flatbuffers::FlatBufferBuilder builder(64 * 1024);
    const Built built = build(builder, registers);
    std::vector<flatbuffers::Offset<records::Blob>> members;
    for (const seal::Bytes& member : roster) {
        members.push_back(records::CreateBlob(builder, builder.CreateVector(member)));
    }
    const auto mesh_bytes = builder.CreateVector(mesh.bytes.data(), mesh.bytes.size());
    const auto chains = builder.CreateVector(built.chains);
    const auto entries = builder.CreateVector(built.registers);
    const auto met = builder.CreateVector(members);
    builder.Finish(records::CreateState(builder, mesh_bytes, chains, entries, met));

    const seal::ByteView payload(builder.GetBufferPointer(), builder.GetSize());
    seal::Bytes out;
    out.reserve(kHeaderBytes + payload.size());
    seal::Writer writer(out);
    writer.fixed(seal::bytes_of(kMagic)).u32(kFormat).u64(payload.size());
    const Checksum sum = checksum_of(out, payload);
    writer.fixed(sum).fixed(payload);
    return out;
}

Result<StoredState> decode_state(seal::ByteView bytes, const std::string& where) {
    seal::Reader reader(bytes);
    const seal::ByteView magic = reader.fixed(kMagic.size());
    const std::uint32_t format = reader.u32();
    const std::uint64_t size = reader.u64();
    const seal::ByteView sum = reader.fixed(kChecksumBytes);
    if (!reader.ok()) return damaged(where, "it is shorter than its header");
    if (seal::text_of(magic) != kMagic) return damaged(where, "it is not a state file");
    if (format != kFormat) {
        return fail(ErrorCode::kCorrupt,
                    where + " was written by another version of this program (format " +
                        std::to_string(format) + ", this one reads " + std::to_string(kFormat) +
                        "): run that version, or move the file away and start again",
                    where);
    }
    const seal::ByteView payload = reader.rest();
    if (payload.size() != size) return damaged(where, "its length is wrong");
    const Checksum expected = checksum_of(bytes.first(kHeaderBytes - kChecksumBytes), payload);
    if (!std::equal(sum.begin(), sum.end(), expected.begin())) {
        return damaged(where, "its checksum is wrong");
    }
    // FlatBuffers wants its scalars aligned; the header has no such length.
    const seal::Bytes aligned(payload.begin(), payload.end());
    const auto tables_max = static_cast<flatbuffers::uoffset_t>(3 * kRegistersMax);
    flatbuffers::Verifier verifier(aligned.data(), aligned.size(), kDepthMax, tables_max);
    if (!records::VerifyStateBuffer(verifier)) return damaged(where, "its content is malformed");
    return read_payload(*records::GetState(aligned.data()), where);
}

}  // namespace vidai::mesh::state
