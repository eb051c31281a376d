// SPDX-License-Identifier: Apache-2.0
// All that an authenticated but hostile peer can send on its connection.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/rpc/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    (void)vidai::fuzz::target().feed(vidai::mesh::seal::Role::kPeer, {data, size});
    return 0;
}
