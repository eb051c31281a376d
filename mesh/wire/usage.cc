// SPDX-License-Identifier: Apache-2.0
#include "mesh/wire/usage.h"

#include <algorithm>

namespace vidai::mesh::wire {

namespace {

std::unexpected<Error> malformed(const char* what) {
    return fail(ErrorCode::kProtocol, std::string("a message about usage is malformed: ") + what,
                what);
}

Result<seal::PublicKey> origin_of(capnp::Data::Reader in) {
    seal::PublicKey origin;
    if (in.size() != origin.bytes.size()) return malformed("origin");
    std::ranges::copy(in, origin.bytes.begin());
    return origin;
}

}  // namespace

void write(const std::vector<usage::Span>& runs, capnp::List<proto::UsageRun>::Builder out) {
    for (unsigned i = 0; i < out.size(); ++i) {
        out[i].setFrom(runs[i].from);
        out[i].setThrough(runs[i].through);
    }
}

Result<usage::Numbers> read(capnp::List<proto::UsageRun>::Reader in) {
    if (in.size() > kUsageRunsMax) return malformed("runs");
    usage::Numbers held;
    for (const auto run : in) {
        if (run.getFrom() == 0 || run.getFrom() > run.getThrough()) return malformed("run");
        held.insert(usage::Span{run.getFrom(), run.getThrough()});
    }
    return held;
}

Result<KeepUsage> read(proto::Peer::KeepUsageParams::Reader in) {
    KeepUsage out;
    const auto origin = origin_of(in.getOrigin());
    if (!origin) return fail(origin.error());
    out.origin = *origin;
    if (in.getProof().size() != out.proof.bytes.size()) return malformed("proof");
    std::ranges::copy(in.getProof(), out.proof.bytes.begin());
    out.batch = bytes_of(in.getBatch());
    if (out.batch.size() > kUsageBatchMax) return malformed("batch");
    return out;
}

Result<UsageKept> read(proto::Peer::UsageKeptParams::Reader in) {
    UsageKept out;
    const auto origin = origin_of(in.getOrigin());
    if (!origin) return fail(origin.error());
    out.origin = *origin;
    out.floor = in.getFloor();
    auto held = read(in.getRuns());
    if (!held) return fail(std::move(held).error());
    out.held = std::move(*held);
    return out;
}

}  // namespace vidai::mesh::wire
