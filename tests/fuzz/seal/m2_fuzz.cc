// SPDX-License-Identifier: Apache-2.0
// The first byte chooses: raw bytes to an initiator, or what is sealed inside an otherwise good M2.
#include "tests/fuzz/seal/rogue.h"

namespace seal = vidai::mesh::seal;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const seal::ByteView input(data + 1, size - 1);
    seal::fuzz::SeededRandom random(3);  // not the one that made the corpus: a replay
    seal::Initiator initiator(seal::fuzz::fixture().options(), random);
    const seal::Bytes m1 = initiator.start();
    if (data[0] % 2 == 0) {
        seal::fuzz::expect_no_entry(initiator, input);
    } else {
        seal::fuzz::expect_no_entry(initiator,
                                    seal::fuzz::rogue_m2(m1, seal::fuzz::sealable(input)));
    }
    return 0;
}
