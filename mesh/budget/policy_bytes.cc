// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/policy_bytes.h"

#include <utility>

namespace vidai::mesh::budget {

namespace fb = records::budget;

namespace {

Result<Thresholds> read_thresholds(const flatbuffers::Vector<std::uint8_t>& in) {
    Thresholds out;
    if (in.size() <= kThresholdsMax) out.assign(in.begin(), in.end());
    if (out.size() == in.size() && are_thresholds(out)) return out;
    return fail(ErrorCode::kCorrupt, "a policy's thresholds are malformed");
}

}  // namespace

flatbuffers::Offset<fb::Policy> write_policy(flatbuffers::FlatBufferBuilder& out,
                                             const Policy& policy) {
    if (policy == Policy{}) return {};
    flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> alerts;
    if (!policy.alerts.empty()) alerts = out.CreateVector(policy.alerts);
    return fb::CreatePolicy(out, !policy.enforce, alerts);
}

flatbuffers::Offset<fb::PolicyChange> write_policy_change(flatbuffers::FlatBufferBuilder& out,
                                                          const PolicyChange& change) {
    if (change == PolicyChange{}) return {};
    const std::uint8_t enforce = !change.enforce ? 0 : *change.enforce ? 2 : 1;
    flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> alerts;
    if (change.alerts) alerts = out.CreateVector(*change.alerts);
    return fb::CreatePolicyChange(out, enforce, alerts);
}

Result<Policy> read_policy(const fb::Policy* in) {
    Policy out;
    if (in == nullptr) return out;
    out.enforce = !in->observed();
    if (in->alerts() == nullptr) return out;
    auto alerts = read_thresholds(*in->alerts());
    if (!alerts) return fail(std::move(alerts).error());
    out.alerts = std::move(*alerts);
    return out;
}

Result<PolicyChange> read_policy_change(const fb::PolicyChange* in) {
    PolicyChange out;
    if (in == nullptr) return out;
    if (in->enforce() > 2) return fail(ErrorCode::kCorrupt, "a policy's change is malformed");
    if (in->enforce() > 0) out.enforce = in->enforce() == 2;
    if (in->alerts() == nullptr) return out;
    auto alerts = read_thresholds(*in->alerts());
    if (!alerts) return fail(std::move(alerts).error());
    out.alerts = std::move(*alerts);
    return out;
}

}  // namespace vidai::mesh::budget
