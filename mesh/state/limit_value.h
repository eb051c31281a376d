// SPDX-License-Identifier: Apache-2.0
// A limit as the value of a register. The id is the register's, deleted is its being retired;
// everything else is in the bytes. Pure; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "mesh/state/limit_record.h"
#include "mesh/state/register.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::state {

// CHECKs that the record is valid (mesh/state/limit_record.h).
std::vector<std::uint8_t> encode_limit(const LimitRecord& record);

// kProtocol unless the register is of kind kLimit and holds a valid record.
Result<LimitRecord> decode_limit(const Statement& statement);

}  // namespace vidai::mesh::state
