// SPDX-License-Identifier: Apache-2.0
// The part of mesh/operator.h that is done offline, with the secret keys of roots.
#include <array>
#include <utility>

#include "mesh/clock.h"
#include "mesh/operator.h"
#include "mesh/seal/identity_store.h"
#include "mesh/state/succession.h"

namespace vidai::mesh {

namespace {

std::string in(const std::string& directory, const char* name) {
    return directory + "/" + name;
}

// The names that the next issuer may certify: never wider than before without being told so.
Result<std::string> pattern_of(const RootRollRequest& request) {
    if (!request.node_pattern.empty()) return request.node_pattern;
    const auto issuer = seal::load_issuer(in(request.old_directory, "issuer.key"));
    if (!issuer) {
        Error error = issuer.error();
        error.message += "; it says which nodes may be certified, or else --node-pattern does";
        return fail(std::move(error));
    }
    const auto certificate = seal::decode_issuer_certificate(issuer->certificate);
    if (!certificate) return fail(seal::to_error(certificate.error()));
    return certificate->node_pattern;
}

Result<seal::MeshPlan> plan_of(const RootRollRequest& request) {
    auto pattern = pattern_of(request);
    if (!pattern) return fail(std::move(pattern).error());
    seal::MeshPlan plan;
    plan.operator_name = request.operator_name;
    plan.node_pattern = std::move(*pattern);
    return plan;
}

RootRollFiles files_in(const std::string& folder, const seal::Succession& said,
                       const MeshId& mesh) {
    return {{mesh, seal::fingerprint(said.to), in(folder, "mesh.pub"), in(folder, "root.key"),
             in(folder, "issuer.key"), in(folder, "operator.key")},
            in(folder, "succession"),
            seal::fingerprint(said.from),
            said.until};
}

}  // namespace

Result<RootRollFiles> roll_root(const RootRollRequest& request) {
    const auto old = seal::load_root(in(request.old_directory, "root.key"));
    if (!old) return fail(old.error());
    const auto plan = plan_of(request);
    if (!plan) return fail(plan.error());
    if (request.overlap < std::chrono::seconds(0) || request.overlap > std::chrono::days(400)) {
        return fail(ErrorCode::kInvalidRequest, "two roots overlap for at most 400 days",
                    "--overlap");
    }
    const WallTime now = system_clock()->wall_now();
    auto made = seal::make_next_root(old->trust.mesh, *plan, now, seal::system_random());
    if (!made) return fail(std::move(made).error());
    const seal::Succession said{old->trust.root, made->trust.root, now, now + request.overlap};
    const auto stated = state::sign_succession(said, *old->key, *made->root, old->trust.mesh, now);
    made->files.push_back(
        {"succession", Secret(seal::encode_succession(state::pack_succession(stated))), false});
    if (auto put = seal::write_new_files(request.new_directory, made->files); !put) {
        return fail(std::move(put).error());
    }
    return files_in(request.new_directory, said, old->trust.mesh);
}

Result<RootRollFiles> retire_root(const std::string& old_directory,
                                  const std::string& new_directory) {
    const auto old = seal::load_root(in(old_directory, "root.key"));
    if (!old) return fail(old.error());
    const auto fresh = seal::load_root(in(new_directory, "root.key"));
    if (!fresh) return fail(fresh.error());
    const std::string file = in(new_directory, "succession");
    const auto packed = seal::load_succession(file);
    if (!packed) return fail(packed.error());
    const auto before = state::unpack_successions(*packed);
    if (!before || before->size() != 1) {
        return fail(ErrorCode::kConfigInvalid, file + " holds no succession of roots", file);
    }
    auto said = state::verify_succession(before->front(), old->trust.mesh);
    if (!said) return fail(said.error());
    if (said->from != old->trust.root || said->to != fresh->trust.root) {
        return fail(ErrorCode::kInvalidRequest,
                    file + " is not about the roots in " + old_directory + " and " + new_directory,
                    file);
    }
    const WallTime now = system_clock()->wall_now();
    said->until = std::min(said->until, now);
    const WallTime when = std::max(said->began, said->until);
    said->until = when;
    const auto stated =
        state::sign_succession(*said, *old->key, *fresh->key, old->trust.mesh, when);
    if (auto put = seal::store_succession(new_directory, state::pack_succession(stated)); !put) {
        return fail(std::move(put).error());
    }
    return files_in(new_directory, *said, old->trust.mesh);
}

Result<std::string> root_fingerprint(const std::string& directory) {
    const auto trust = seal::load_trust(in(directory, "mesh.pub"));
    if (!trust) return fail(trust.error());
    return seal::fingerprint(trust->root);
}

Result<std::string> rotate_issuer(const RootRollRequest& request) {
    const auto root = seal::load_root(in(request.old_directory, "root.key"));
    if (!root) return fail(root.error());
    const auto plan = plan_of(request);
    if (!plan) return fail(plan.error());
    auto issuer =
        seal::make_next_issuer(*root, *plan, system_clock()->wall_now(), seal::system_random());
    if (!issuer) return fail(std::move(issuer).error());
    const std::array<seal::NewFile, 1> file{{{"issuer.key", seal::encode_issuer(*issuer), true}}};
    if (auto put = seal::write_new_files(request.new_directory, file); !put) {
        return fail(std::move(put).error());
    }
    return in(request.new_directory, "issuer.key");
}

}  // namespace vidai::mesh
