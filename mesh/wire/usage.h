// SPDX-License-Identifier: Apache-2.0
// What nodes say to each other about copies of usage, from the wire, within bounds. Pure; any
// thread.
#pragma once

#include <cstddef>
#include <vector>

#include "mesh/seal/keys.h"
#include "mesh/usage/numbers.h"
#include "mesh/wire/message.h"
#include "schema/rpc/peer.capnp.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::wire {

inline constexpr std::size_t kUsageBatchMax = 64U << 10;  // bytes of a batch that travels
inline constexpr std::size_t kUsageRunsMax = 1'024;

struct KeepUsage {
    seal::PublicKey origin;
    seal::Signature proof;
    seal::ByteView batch;  // as long as the message
};
struct UsageKept {
    seal::PublicKey origin;
    std::uint64_t floor = 0;
    usage::Numbers held;
};

void write(const std::vector<usage::Span>& runs, capnp::List<proto::UsageRun>::Builder out);
// kProtocol: out of the bounds above, or a run that ends before it begins.
Result<usage::Numbers> read(capnp::List<proto::UsageRun>::Reader in);
Result<KeepUsage> read(proto::Peer::KeepUsageParams::Reader in);
Result<UsageKept> read(proto::Peer::UsageKeptParams::Reader in);

}  // namespace vidai::mesh::wire
