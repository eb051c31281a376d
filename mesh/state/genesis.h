// SPDX-License-Identifier: Apache-2.0
// Which volume begins the mesh's money: a register that a node writes about its own ledger key, at
// the first budget of the mesh. It counts once every member has it in force, and of several, the
// one of the least key is in force for whoever has heard of both: so no two of them can have every
// member behind them, and money is begun once. Pure; any thread.
#pragma once

#include "mesh/seal/keys.h"
#include "mesh/state/hlc.h"
#include "mesh/state/register.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::state {

Statement encode_genesis(const seal::PublicKey& ledger, Hlc time, const NodeId& by);
// kProtocol unless it is exactly what encode_genesis() makes.
Result<seal::PublicKey> decode_genesis(const Statement& statement);
// The register's id: 64 hex digits.
std::string genesis_id(const seal::PublicKey& ledger);

}  // namespace vidai::mesh::state
