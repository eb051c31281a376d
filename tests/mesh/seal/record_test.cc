// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/record.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

constexpr MonoTime kStart{};

DirectionKeys keys_from(std::uint64_t seed) {
    SeededRandom random(seed);
    DirectionKeys keys;
    random.fill(keys.key);
    random.fill(keys.header);
    return keys;
}

Bytes some_bytes(std::size_t size, std::uint64_t seed = 5) {
    SeededRandom random(seed);
    Bytes out(size);
    random.fill(out);
    return out;
}

// Feeds `wire` in pieces of at most `piece` bytes; what came out, or why it stopped.
Checked<Bytes> open_all(Opener& opener, ByteView wire, std::size_t piece) {
    Bytes out;
    while (!wire.empty()) {
        ByteView part = wire.first(std::min(piece, wire.size()));
        wire = wire.subspan(part.size());
        while (!part.empty()) {
            const auto opened = opener.feed(part);
            if (!opened) return std::unexpected(opened.error());
            out.insert(out.end(), opened->plaintext.begin(), opened->plaintext.end());
            part = part.subspan(opened->consumed);
        }
    }
    return out;
}

TEST(Record, CarriesBytesThroughAnySplit) {
    const Bytes plain = some_bytes(3 * kRecordPlaintextMax + 17);
    Bytes wire;
    Sealer sealer(keys_from(1), kStart);
    sealer.seal(plain, kStart, wire);
    sealer.finish(wire);
    for (const std::size_t piece : {1UL, 2UL, 3UL, 1000UL, 16403UL, 16404UL, 100000UL}) {
        Opener opener(keys_from(1));
        EXPECT_EQ(open_all(opener, wire, piece), plain) << "pieces of " << piece;
        EXPECT_TRUE(opener.finished());
        EXPECT_TRUE(opener.end());
    }
}

}  // namespace
}  // namespace vidai::mesh::seal
