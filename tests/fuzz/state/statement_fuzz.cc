// SPDX-License-Identifier: Apache-2.0
// What operators and roots say, and rate cards, as any peer may send them and a handshake tell
// them: decoded strictly, of statements one value one encoding.
#include "mesh/state/card_value.h"
#include "mesh/state/statement.h"
#include "mesh/state/succession.h"
#include "schema/vocabulary/check.h"

namespace state = vidai::mesh::state;
namespace seal = vidai::mesh::seal;

namespace {

void read_told(seal::ByteView bytes) {
    const auto all = state::unpack_successions(bytes);
    if (!all) return;
    seal::Bytes again;
    for (const state::Register& held : *all) {
        const seal::Bytes one = state::pack_succession(held);
        again.insert(again.end(), one.begin(), one.end());
    }
    CHECK(again == seal::Bytes(bytes.begin(), bytes.end()));
    seal::Roots roots({{}, {}});
    CHECK(state::follow(roots, *all) == 0, "of roots that this mesh never had");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    read_told({data, size});
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
    if (const auto said = state::decode_succession(*statement)) {
        CHECK(said->began <= statement->time.wall() && statement->time.wall() <= said->until);
        CHECK(state::revocation_id(said->from) == statement->id);
    }
    if (const auto card = state::decode_card(*statement)) {
        state::Statement again = *statement;
        again.value = state::encode_card(*card);
        const auto same = state::decode_card(again);
        CHECK(same && *same == *card && statement->id == state::card_place(card->version));
    }
    return 0;
}
