// SPDX-License-Identifier: Apache-2.0
// Words about money that a hostile peer sends: what is read, written again is read as the same.
#include "mesh/budget/message_bytes.h"
#include "schema/vocabulary/check.h"

namespace budget = vidai::mesh::budget;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr vidai::MeshId kMesh{{4, 5}};
    const auto told = budget::decode_message(kMesh, {data, size});
    if (!told) return 0;
    const auto again = budget::encode_message(told->message, told->proof);
    const auto read = budget::decode_message(kMesh, again);
    CHECK(read && budget::encode_message(read->message, read->proof) == again);
    return 0;
}
