// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/genesis.h"

#include <algorithm>

#include "mesh/seal/encoding.h"

namespace vidai::mesh::state {

std::string genesis_id(const seal::PublicKey& ledger) {
    return seal::to_hex(ledger.bytes);
}

Statement encode_genesis(const seal::PublicKey& ledger, Hlc time, const NodeId& by) {
    return {RegisterKind::kGenesis,
            genesis_id(ledger),
            false,
            time,
            by,
            {ledger.bytes.begin(), ledger.bytes.end()}};
}

Result<seal::PublicKey> decode_genesis(const Statement& statement) {
    seal::PublicKey ledger;
    const bool whole = statement.kind == RegisterKind::kGenesis && !statement.retired &&
                       statement.value.size() == ledger.bytes.size();
    if (whole) std::ranges::copy(statement.value, ledger.bytes.begin());
    if (!whole || statement.id != genesis_id(ledger)) {
        return fail(ErrorCode::kProtocol, "the word of who begins the money is malformed",
                    "genesis");
    }
    return ledger;
}

}  // namespace vidai::mesh::state
