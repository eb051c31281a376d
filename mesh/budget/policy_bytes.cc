// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/policy_bytes.h"

namespace vidai::mesh::budget {

namespace fb = records::budget;

flatbuffers::Offset<fb::Policy> write_policy(flatbuffers::FlatBufferBuilder& out,
                                             const Policy& policy) {
    if (policy == Policy{}) return {};
    return fb::CreatePolicy(out, !policy.enforce);
}

flatbuffers::Offset<fb::PolicyChange> write_policy_change(flatbuffers::FlatBufferBuilder& out,
                                                          const PolicyChange& change) {
    if (change == PolicyChange{}) return {};
    const std::uint8_t enforce = !change.enforce ? 0 : *change.enforce ? 2 : 1;
    return fb::CreatePolicyChange(out, enforce);
}

Result<Policy> read_policy(const fb::Policy* in) {
    Policy out;
    if (in == nullptr) return out;
    out.enforce = !in->observed();
    return out;
}

Result<PolicyChange> read_policy_change(const fb::PolicyChange* in) {
    PolicyChange out;
    if (in == nullptr) return out;
    if (in->enforce() > 2) return fail(ErrorCode::kCorrupt, "a policy's change is malformed");
    if (in->enforce() > 0) out.enforce = in->enforce() == 2;
    return out;
}

}  // namespace vidai::mesh::budget
