// SPDX-License-Identifier: Apache-2.0
// The text form of identity files: named base64 blocks with a checksum, comments between them.
// docs/security.md, section 3. Private to this folder. Any thread.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "mesh/seal/encoding.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::seal {

// Bytes that are wiped when they die; reserve() first where they grow.
struct WipedBytes {
    WipedBytes() { bytes.reserve(kReserved); }
    WipedBytes(WipedBytes&&) = default;
    WipedBytes(const WipedBytes&) = delete;
    WipedBytes& operator=(const WipedBytes&) = delete;
    ~WipedBytes();
    static constexpr std::size_t kReserved = 256;  // no secret block is longer
    Bytes bytes;
};

struct Block {
    std::string name;
    WipedBytes content;
};

// One block, ending in a newline.
std::string armour(std::string_view name, ByteView content);

// The blocks of a file, which must be exactly those `expected`, in that order. kCorrupt for
// damage, an empty file among it; kConfigInvalid for a whole file of another kind, which the
// message names.
Result<std::vector<Block>> read_blocks(std::string_view text, std::string_view where,
                                       std::initializer_list<std::string_view> expected);

}  // namespace vidai::mesh::seal
