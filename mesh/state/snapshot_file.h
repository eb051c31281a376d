// SPDX-License-Identifier: Apache-2.0
// What a node remembers across restarts, as one file: its registers and the members it has met.
// A header with length and BLAKE2b-256 checksum, then a FlatBuffer (schema/records/records.fbs).
// Written whole to a temporary file, synced, renamed over the old one, and the folder synced: after
// a crash at any point either the old or the new file is there, whole. A file that is damaged
// nevertheless is refused, never half-loaded. encode/decode are pure; load/store block, any thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "mesh/seal/encoding.h"
#include "mesh/state/register.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::state {

inline constexpr std::size_t kSnapshotBytesMax = std::size_t{512} << 20;

struct StoredState {
    MeshId mesh;
    std::vector<Register> registers;
    std::vector<seal::Bytes> roster;  // opaque here: members in mesh/wire's encoding
};

// `registers` are borrowed for the call.
seal::Bytes encode_state(const MeshId& mesh, const std::vector<const Register*>& registers,
                         const std::vector<seal::Bytes>& roster);
// kCorrupt, with how to recover; `where` is the file's name in the message. Registers' signatures
// are not verified again: they were before they were stored, and the checksum keeps them.
Result<StoredState> decode_state(seal::ByteView bytes, const std::string& where);

// kNotFound when there is no such file, kIo, kCorrupt.
Result<StoredState> load_state(const std::string& path);
// kIo. Uses PATH.new; one writer at a time.
Result<void> store_bytes(const std::string& path, seal::ByteView bytes);

}  // namespace vidai::mesh::state
