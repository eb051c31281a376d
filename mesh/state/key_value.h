// SPDX-License-Identifier: Apache-2.0
// A client key as the value of a register. The id is the register's, revoked is its being retired;
// everything else is in the bytes. Pure; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "mesh/state/key_record.h"
#include "mesh/state/register.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::state {

// CHECKs that the record is valid (mesh/state/key_table.h).
std::vector<std::uint8_t> encode_key(const KeyRecord& record);

// kProtocol unless the register is of kind kKey and holds a valid record.
Result<KeyRecord> decode_key(const Statement& statement);

}  // namespace vidai::mesh::state
