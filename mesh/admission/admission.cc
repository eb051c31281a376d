// SPDX-License-Identifier: Apache-2.0
#include "mesh/admission/admission.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "mesh/seal/identity_store.h"
#include "mesh/seal/refusal.h"
#include "mesh/seal/token.h"
#include "mesh/state/statement.h"
#include "mesh/state/succession.h"

namespace vidai::mesh::admission {

namespace {

constexpr std::chrono::seconds kJoinWithin{60};

// Up to a tenth of its life earlier than two thirds: nodes that started together, as by an upgrade,
// do not renew together.
WallTime renewal_time(const seal::Validity& validity, seal::RandomSource& source) {
    std::array<std::uint8_t, 2> random{};
    source.fill(random);
    const auto life = validity.not_after - validity.not_before;
    return seal::renewal_due(validity) - life / 10 * seal::Reader(random).u16() / 65'536;
}

std::unexpected<Error> other_mesh(const std::string& mine, const std::string& theirs) {
    return fail(ErrorCode::kUnauthenticated, mine + " belongs to another mesh than " + theirs,
                mine);
}

// Two files of one mesh, of which each is easily given for the other.
Result<seal::Trust> load_root(const MeshOptions& options) {
    auto trust = seal::load_trust(options.root_file);
    if (trust || options.issuer_file.empty()) return trust;
    if (seal::load_trust(options.issuer_file) && seal::load_issuer(options.root_file)) {
        return fail(ErrorCode::kConfigInvalid,
                    "mesh.root_file (--mesh-root) and mesh.issuer_file (--mesh-issuer) are in each "
                    "other's place: " +
                        options.issuer_file + " is the mesh's public root, and " +
                        options.root_file + " the issuer's secret key",
                    "root_file");
    }
    return trust;
}

using Stored = std::vector<state::Register>;

std::shared_ptr<seal::Roots> roots_from(const seal::Trust& anchor, const Stored& stored) {
    auto roots = std::make_shared<seal::Roots>(anchor);
    (void)state::follow(*roots, stored);
    return roots;
}

// Of one mesh, and of one root or roots that followed each other.
Result<void> check_same(const seal::Roots& roots, const seal::Trust& trust, const std::string& mine,
                        const std::string& theirs) {
    if (trust.mesh != roots.mesh()) return other_mesh(mine, theirs);
    if (roots.knows(trust.root)) return {};
    return fail(ErrorCode::kUnauthenticated,
                mine + " is under another root than " + theirs +
                    ": give this node both files of one root, as `vidaictl mesh rotate root` made "
                    "them",
                mine);
}

Result<Admission> by_issuer(const MeshOptions& options, const NodeId& node,
                            const seal::NodeIdentity& identity, const Stored& stored,
                            seal::RandomSource& random, std::uint64_t known) {
    const auto trust = load_root(options);
    if (!trust) return fail(trust.error());
    auto issuer = load_issuer(options);
    if (!issuer) return fail(std::move(issuer).error());
    auto roots = roots_from(*trust, stored);
    if (auto same = check_same(*roots, issuer->trust, options.issuer_file, options.root_file);
        !same) {
        return fail(std::move(same).error());
    }
    auto certified =
        certify(*roots, *issuer, node, identity, options.clock->wall_now(), random, known);
    if (!certified) return fail(std::move(certified).error());
    return Admission{*trust, std::move(roots), std::move(*issuer), std::move(*certified), {},
                     false};
}

// Whether the mesh, as this node remembers it, has voided the key that certified it. Its own key
// is another matter: nobody certifies that one again.
bool issuer_revoked(const seal::PeerIdentity& who, const Stored& stored) {
    return std::ranges::any_of(stored, [&](const state::Register& held) {
        if (held.statement.kind != state::RegisterKind::kRevocation) return false;
        const auto said = state::decode_revocation(held.statement);
        return said && !who.issuer.empty() && said->key == who.issuer_key;
    });
}

Result<Admission> by_token(const MeshOptions& options, const NodeId& node,
                           const seal::NodeIdentity& identity, const Stored& stored,
                           seal::RandomSource& random, const JoinWatch& watch) {
    const auto token = seal::decode_token(options.join);
    if (!token) return fail(token.error());
    auto roots = roots_from(token->as.trust, stored);
    auto chain = join_mesh(*token, roots, node, *identity.key, kJoinWithin, *options.clock, watch);
    if (!chain) {
        Error error = std::move(chain).error();
        error.message = "this node could not join the mesh: " + error.message;
        return fail(std::move(error));
    }
    auto certified =
        certified_by(*roots, node, identity, std::move(*chain), options.clock->wall_now(), random);
    if (!certified) return fail(std::move(certified).error());
    const seal::StoredMembership held{
        {roots->mesh(), certified->who.root}, *certified->chain, token->seeds};
    if (auto kept = seal::store_membership(options.data_dir, held); !kept) {
        return fail(std::move(kept).error());
    }
    return Admission{held.trust, std::move(roots), std::nullopt, std::move(*certified), held.seeds,
                     true};
}

Result<Admission> by_certificate(const MeshOptions& options, const NodeId& node,
                                 const seal::NodeIdentity& identity, const Stored& stored,
                                 seal::RandomSource& random, const JoinWatch& watch) {
    const auto held = seal::load_membership(options.data_dir);
    if (!held) return fail(held.error());
    auto roots = roots_from(held->trust, stored);
    auto certified =
        certified_by(*roots, node, identity, held->chain, options.clock->wall_now(), random);
    const bool given = !options.join.empty();
    if (certified && !(given && issuer_revoked(certified->who, stored))) {
        return Admission{held->trust,           std::move(roots), std::nullopt,
                         std::move(*certified), held->seeds,      false};
    }
    if (given) return by_token(options, node, identity, stored, random, watch);
    Error error = std::move(certified).error();
    error.message = "this node's certificate, " + seal::membership_path(options.data_dir) +
                    ", is of no use: " + error.message +
                    ". Start it once with a new join token (--join), from `vidaictl mesh token "
                    "create`";
    return fail(std::move(error));
}

}  // namespace

bool has_membership(const std::string& data_dir) {
    std::error_code error;
    return std::filesystem::exists(seal::membership_path(data_dir), error);
}

Result<seal::Issuer> load_issuer(const MeshOptions& options) {
    auto trust = load_root(options);
    if (!trust) return fail(std::move(trust).error());
    auto issuer = seal::load_issuer(options.issuer_file);
    if (!issuer) return fail(std::move(issuer).error());
    if (issuer->trust.mesh != trust->mesh) {
        return other_mesh(options.issuer_file, options.root_file);
    }
    return issuer;
}

Result<Certified> certified_by(const seal::Roots& roots, const NodeId& node,
                               const seal::NodeIdentity& identity, seal::Bytes chain, WallTime now,
                               seal::RandomSource& random) {
    const auto who = roots.verify_recorded(now, chain);
    if (!who) return fail(seal::to_error(who.error()));
    const auto leaf = seal::decode_leaf(chain);
    if (!leaf) return fail(seal::to_error(leaf.error()));
    if (who->node != node || who->key != identity.key->public_key() ||
        !who->roles.has(seal::Role::kPeer)) {
        return fail(ErrorCode::kUnauthenticated,
                    "the certificate is of node '" + who->node.str() + "' and the key " +
                        seal::fingerprint(who->key) + ", not of '" + node.str() + "' and " +
                        seal::fingerprint(identity.key->public_key()),
                    "certificate");
    }
    Certified out;
    out.chain = std::make_shared<const seal::Bytes>(std::move(chain));
    out.credentials = std::make_shared<const seal::Credentials>(
        seal::Credentials{{roots.mesh(), who->root}, identity.key, *out.chain});
    out.serial = who->serial;
    out.who = *who;
    out.renew_at = renewal_time(leaf->validity, random);
    return out;
}

Result<Certified> certify(const seal::Roots& roots, const seal::Issuer& issuer, const NodeId& node,
                          const seal::NodeIdentity& identity, WallTime now,
                          seal::RandomSource& random, std::uint64_t known) {
    auto chain = seal::issue_node_certificate(issuer, node, identity.key->public_key(), now,
                                              seal::kNodeValidity, random, known);
    if (!chain) return fail(std::move(chain).error());
    return certified_by(roots, node, identity, std::move(*chain), now, random);
}

Result<void> check_admission(const MeshOptions& options) {
    const auto verdict = [](const auto& result) -> Result<void> {
        if (!result) return fail(result.error());
        return {};
    };
    if (!options.issuer_file.empty()) return verdict(load_issuer(options));
    if (!options.join.empty()) return verdict(seal::decode_token(options.join));
    return options.root_file.empty() ? Result<void>()
                                     : verdict(seal::load_trust(options.root_file));
}

Result<Admission> admit_self(const MeshOptions& options, const NodeId& node,
                             const seal::NodeIdentity& identity, const Stored& stored,
                             seal::RandomSource& random, std::uint64_t known,
                             const JoinWatch& watch) {
    if (!options.issuer_file.empty())
        return by_issuer(options, node, identity, stored, random, known);
    const bool joined = has_membership(options.data_dir);
    if (!joined && options.join.empty()) {
        return fail(ErrorCode::kConfigInvalid,
                    "this node has no certificate yet: give it a join token (--join), from "
                    "`vidaictl mesh token create`, or an issuer key (mesh.issuer_file)",
                    "join");
    }
    auto admitted = joined ? by_certificate(options, node, identity, stored, random, watch)
                           : by_token(options, node, identity, stored, random, watch);
    if (!admitted || options.root_file.empty()) return admitted;
    const auto trust = seal::load_trust(options.root_file);
    if (!trust) return fail(trust.error());
    if (auto same =
            check_same(*admitted->roots, *trust, options.root_file, "this node's certificate");
        !same) {
        return fail(std::move(same).error());
    }
    return admitted;
}

}  // namespace vidai::mesh::admission
