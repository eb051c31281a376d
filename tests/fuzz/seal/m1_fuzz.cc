// SPDX-License-Identifier: Apache-2.0
// The first byte chooses: raw bytes to a responder, or the body of an M1 under a valid mac1.
#include "tests/fuzz/seal/rogue.h"

namespace seal = vidai::mesh::seal;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const seal::ByteView input(data + 1, size - 1);
    seal::fuzz::SeededRandom random(3);  // not the one that made the corpus: a replay
    seal::Responder responder(seal::fuzz::fixture().options(), random);
    seal::Bytes message;
    if (data[0] % 2 == 0) {
        message.assign(input.begin(), input.end());
    } else {
        seal::Writer(message).u16(0).fixed(input.first(std::min<std::size_t>(input.size(), 1000)));
        seal::fuzz::append_mac1(message, seal::fuzz::fixture().world.root.trust);
    }
    const auto progress = responder.feed(message);
    CHECK(progress.state != seal::Handshake::State::kDone);
    CHECK(progress.state == seal::Handshake::State::kOngoing || progress.send.empty());
    return 0;
}
