// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/identity.h"

namespace seal = vidai::mesh::seal;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = seal::text_of({data, size});
    (void)seal::decode_trust(text, "fuzz");
    (void)seal::decode_root(text, "fuzz");
    (void)seal::decode_issuer(text, "fuzz");
    (void)seal::decode_operator(text, "fuzz");
    (void)seal::decode_node_key(text, "fuzz");
    (void)seal::decode_generation(text, {}, "fuzz");
    (void)seal::decode_membership(text, "fuzz");
    (void)seal::decode_succession(text, "fuzz");
    return 0;
}
