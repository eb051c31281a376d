// SPDX-License-Identifier: Apache-2.0
// The part of MeshThread that is about usage: what operators ask of it.
#include <utility>

#include "mesh/rpc/mesh_thread.h"
#include "mesh/rpc/usage.h"

namespace vidai::mesh::rpc {

namespace {

std::unexpected<Error> nothing_recorded() {
    return fail(ErrorCode::kUnavailable, "this node records no usage");
}

}  // namespace

kj::Promise<Result<UsageSheet>> MeshThread::sum_usage(usage::Query query) {
    if (shared_.usage == nullptr) return Result<UsageSheet>(nothing_recorded());
    return reports_.run<UsageSheet>([this, query = std::move(query)](const std::stop_token& stop) {
        return rpc::sum_usage(startup_, *shared_.usage, query, stop);
    });
}

kj::Promise<Result<UsagePage>> MeshThread::find_usage(usage::Search search) {
    if (shared_.usage == nullptr) return Result<UsagePage>(nothing_recorded());
    return reports_.run<UsagePage>([this, search = std::move(search)](const std::stop_token& stop) {
        return rpc::find_usage(startup_, *shared_.usage, search, stop);
    });
}

}  // namespace vidai::mesh::rpc
