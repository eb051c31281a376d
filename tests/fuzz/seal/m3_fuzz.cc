// SPDX-License-Identifier: Apache-2.0
// The first byte chooses: raw bytes to a responder that has answered, or what is sealed inside an
// otherwise good M3.
#include "tests/fuzz/seal/rogue.h"

namespace seal = vidai::mesh::seal;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const seal::ByteView input(data + 1, size - 1);
    seal::fuzz::SeededRandom random(3);  // not the one that made the corpus: a replay
    seal::Responder responder(seal::fuzz::fixture().options(), random);
    seal::fuzz::RogueKeys keys;
    const seal::Bytes m1 = seal::fuzz::rogue_m1(keys);
    const seal::Bytes m2 = responder.feed(m1).send;
    CHECK(!m2.empty());
    if (data[0] % 2 == 0) {
        seal::fuzz::expect_no_entry(responder, input);
    } else {
        seal::fuzz::expect_no_entry(
            responder, seal::fuzz::rogue_m3(keys, m1, m2, seal::fuzz::sealable(input)));
    }
    return 0;
}
