// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/tier2/forger.h"

#include <chrono>
#include <utility>

#include "mesh/seal/identity_store.h"
#include "schema/vocabulary/check.h"

namespace vidai::sim {

namespace {

namespace seal = mesh::seal;
using std::chrono::hours;
using std::chrono::minutes;

std::shared_ptr<const seal::SecretKey> new_key(seal::RandomSource& random) {
    return std::make_shared<const seal::SecretKey>(seal::SecretKey::generate(random));
}

MeshId another_mesh(seal::RandomSource& random) {
    MeshId mesh;
    random.fill(mesh.bytes);
    return mesh;
}

seal::Root load(const std::string& folder) {
    auto root = seal::load_root(folder + "/root.key");
    CHECK(root, "the mesh has a root");
    return std::move(*root);
}

Forger::Shown load_admin(const std::string& folder) {
    auto admin = seal::load_operator(folder + "/operator.key");
    CHECK(admin, "the mesh has an operator");
    return std::make_shared<const seal::Credentials>(std::move(*admin));
}

}  // namespace

Forger::Forger(const std::string& folder, WallTime now, seal::RandomSource& random)
    : root_(load(folder)), admin_(load_admin(folder)), random_(random) {
    ghost_ = by_root(root_.trust, {.mesh = {},
                                   .node = NodeId("ghost"),
                                   .key = {},
                                   .roles = seal::Role::kPeer,
                                   .serial = 1,
                                   .validity = {now - hours(1), now + hours(24)}});
}

// With a key of its own, and everything that is not said yet filled in.
Forger::Shown Forger::by_root(const seal::Trust& as, seal::NodeCertificate says) {
    auto key = new_key(random_);
    if (says.mesh == MeshId{}) says.mesh = root_.trust.mesh;
    says.key = key->public_key();
    return std::make_shared<const seal::Credentials>(seal::Credentials{
        as, std::move(key), seal::encode_chain({}, seal::sign_certificate(*root_.key, says))});
}

Forger::Shown Forger::show(Deed deed, const seal::Credentials& victim, WallTime now) {
    seal::NodeCertificate says{.mesh = {},
                               .node = NodeId("evil"),
                               .key = {},
                               .roles = seal::Role::kPeer,
                               .serial = 1,
                               .validity = {now - hours(1), now + hours(24)}};
    // Beyond the tolerance for clocks, those of the simulation's nodes included.
    switch (deed) {
        case Deed::kForeign: {
            const auto made = seal::make_mesh({}, now, random_);
            CHECK(made, "another mesh can be made");
            const seal::Root other{made->trust, made->root};
            says.mesh = other.trust.mesh;
            auto key = new_key(random_);
            says.key = key->public_key();
            const seal::Bytes chain =
                seal::encode_chain({}, seal::sign_certificate(*other.key, says));
            return std::make_shared<const seal::Credentials>(
                seal::Credentials{other.trust, std::move(key), chain});
        }
        case Deed::kWrongMesh:
            says.mesh = another_mesh(random_);
            return by_root({says.mesh, root_.trust.root}, says);
        case Deed::kOtherMesh:
            says.mesh = another_mesh(random_);
            return by_root(root_.trust, says);
        case Deed::kExpired:
            says.validity = {now - hours(24), now - minutes(12)};
            return by_root(root_.trust, says);
        case Deed::kNotYet:
            says.validity = {now + minutes(12), now + hours(24)};
            return by_root(root_.trust, says);
        case Deed::kUnconstrained: {
            const auto issuer = new_key(random_);
            const seal::IssuerCertificate may{.mesh = root_.trust.mesh,
                                              .name = "edge",
                                              .key = issuer->public_key(),
                                              .may_grant = seal::Role::kPeer,
                                              .node_pattern = "edge-*",
                                              .validity_max = hours(24 * 7),
                                              .serial = 1,
                                              .validity = says.validity};
            auto key = new_key(random_);
            says.key = key->public_key();
            says.mesh = root_.trust.mesh;
            const seal::Bytes chain = seal::encode_chain(seal::sign_certificate(*root_.key, may),
                                                         seal::sign_certificate(*issuer, says));
            return std::make_shared<const seal::Credentials>(
                seal::Credentials{root_.trust, std::move(key), chain});
        }
        case Deed::kNoRole:
            says.roles = seal::Role::kBudgetAdmin;
            return by_root(root_.trust, says);
        case Deed::kStolen:
            return std::make_shared<const seal::Credentials>(
                seal::Credentials{victim.trust, new_key(random_), victim.chain});
        case Deed::kRevoked:
            return ghost_;
        case Deed::kJoiner:
            says.roles = seal::Role::kJoin;
            return by_root(root_.trust, says);
        case Deed::kObserver:
            says.roles = seal::Role::kObserver;
            return by_root(root_.trust, says);
        default:
            CHECK(false, "a stranger without a certificate");
            return nullptr;
    }
}

}  // namespace vidai::sim
