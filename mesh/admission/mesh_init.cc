// SPDX-License-Identifier: Apache-2.0
#include "mesh/operator.h"
#include "mesh/seal/identity_store.h"

namespace vidai::mesh {

Result<MeshInitFiles> mesh_init(const MeshInitRequest& request) {
    seal::MeshPlan plan;
    plan.operator_name = request.operator_name;
    plan.node_pattern = request.node_pattern;
    const auto made = seal::make_mesh(plan, request.clock->wall_now(), seal::system_random());
    if (!made) return fail(made.error());
    if (auto written = seal::write_new_files(request.directory, made->files); !written) {
        return fail(std::move(written).error());
    }
    const std::string folder = request.directory + "/";
    return MeshInitFiles{made->trust.mesh,      seal::fingerprint(made->trust.root),
                         folder + "mesh.pub",   folder + "root.key",
                         folder + "issuer.key", folder + "operator.key"};
}

}  // namespace vidai::mesh
