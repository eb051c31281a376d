// SPDX-License-Identifier: Apache-2.0
// The first byte chooses: raw bytes to an opener, or plaintext that must come back the same. The
// second is the size of the pieces in which the stream arrives.
#include <algorithm>

#include "mesh/seal/record.h"
#include "schema/vocabulary/check.h"

namespace seal = vidai::mesh::seal;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const bool raw = data[0] % 2 == 0;
    const std::size_t piece = 1 + data[1];
    const seal::ByteView input(data + 2, size - 2);
    const seal::DirectionKeys keys;
    seal::Bytes wire(input.begin(), input.end());
    if (!raw) {
        wire.clear();
        seal::Sealer sealer(keys, {});
        sealer.seal(input, {}, wire);
        sealer.finish(wire);
    }
    seal::Opener opener(keys);
    seal::Bytes plain;
    seal::ByteView left(wire);
    while (!left.empty()) {
        seal::ByteView part = left.first(std::min(piece, left.size()));
        left = left.subspan(part.size());
        while (!part.empty()) {
            const auto opened = opener.feed(part);
            if (!opened) {
                CHECK(raw);
                return 0;
            }
            CHECK(opened->consumed > 0 && opened->consumed <= part.size());
            plain.insert(plain.end(), opened->plaintext.begin(), opened->plaintext.end());
            part = part.subspan(opened->consumed);
        }
    }
    if (!raw) {
        CHECK(std::ranges::equal(plain, input));
        CHECK(opener.end().has_value());
    }
    return 0;
}
