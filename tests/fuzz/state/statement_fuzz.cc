// SPDX-License-Identifier: Apache-2.0
// What operators say, as any peer may send it: decoded strictly, one value one encoding.
#include "mesh/state/statement.h"
#include "schema/vocabulary/check.h"

namespace state = vidai::mesh::state;
namespace seal = vidai::mesh::seal;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto statement = state::decode_statement(seal::ByteView(data, size));
    if (!statement) return 0;
    CHECK(state::encode(*statement) == seal::Bytes(data, data + size));
    if (const auto said = state::decode_revocation(*statement)) {
        const auto again =
            state::encode_statement(*said, statement->origin, statement->time.wall());
        CHECK(again.value == statement->value && again.id == statement->id);
    }
    if (const auto said = state::decode_forget(*statement)) {
        const auto again =
            state::encode_statement(*said, statement->origin, statement->time.wall());
        CHECK(again.value == statement->value && again.id == statement->id);
    }
    return 0;
}
