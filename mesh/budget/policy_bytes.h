// SPDX-License-Identifier: Apache-2.0
// Policies to and from their records. Pure; any thread.
#pragma once

#include "mesh/budget/policy.h"
#include "schema/records/budget_generated.h"
#include "schema/records/budget_message_generated.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::budget {

// One that is as ever is left out: so its bytes are those that older programs write.
flatbuffers::Offset<records::budget::Policy> write_policy(flatbuffers::FlatBufferBuilder& out,
                                                          const Policy& policy);
flatbuffers::Offset<records::budget::PolicyChange> write_policy_change(
    flatbuffers::FlatBufferBuilder& out, const PolicyChange& change);

// Of a buffer that was verified; null: left out. kCorrupt: a part is out of its bounds.
Result<Policy> read_policy(const records::budget::Policy* in);
Result<PolicyChange> read_policy_change(const records::budget::PolicyChange* in);

}  // namespace vidai::mesh::budget
