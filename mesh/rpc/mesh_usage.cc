// SPDX-License-Identifier: Apache-2.0
// The part of MeshThread that is about usage: what operators ask of it.
#include <utility>

#include "mesh/rpc/mesh_thread.h"
#include "mesh/rpc/usage.h"

namespace vidai::mesh::rpc {

kj::Promise<Result<UsageSheet>> MeshThread::sum_usage(usage::Query query) {
    if (shared_.usage == nullptr) {
        return Result<UsageSheet>(fail(ErrorCode::kUnavailable, "this node records no usage"));
    }
    return reports_.run<UsageSheet>([this, query = std::move(query)](const std::stop_token& stop) {
        return rpc::sum_usage(startup_, *shared_.usage, query, stop);
    });
}

}  // namespace vidai::mesh::rpc
