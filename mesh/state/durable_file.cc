// SPDX-License-Identifier: Apache-2.0
// The part of the snapshot file that touches the disk.
#include <string>
#include <utility>

#include "mesh/seal/disk.h"
#include "mesh/state/snapshot_file.h"

namespace vidai::mesh::state {

Result<StoredState> load_state(const std::string& path) {
    auto bytes = seal::system_disk().read(path, seal::Privacy::kPublic, kSnapshotBytesMax);
    if (bytes) return decode_state(*bytes, path);
    const ErrorCode code = bytes.error().code;
    if (code == ErrorCode::kNotFound) return fail(std::move(bytes).error());
    return fail(code == ErrorCode::kConfigInvalid ? ErrorCode::kCorrupt : ErrorCode::kIo,
                bytes.error().message, path);
}

Result<void> store_bytes(const std::string& path, seal::ByteView bytes) {
    auto stored = seal::system_disk().replace(path, bytes);
    if (!stored) stored.error().code = ErrorCode::kIo;
    return stored;
}

}  // namespace vidai::mesh::state
