// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/stating.h"

#include <charconv>
#include <chrono>
#include <memory>
#include <utility>

#include "mesh/membership/claim.h"
#include "mesh/seal/domain.h"
#include "mesh/seal/identity_store.h"
#include "mesh/seal/refusal.h"
#include "mesh/state/statement.h"
#include "mesh/wire/membership.h"

namespace vidai::mesh::rpc {

namespace {

// No certificate that `vidaictl mesh init` or a node makes is valid for longer.
constexpr std::chrono::days kStatementLife{400};

state::Register signed_by(const seal::Credentials& self, state::Statement statement) {
    return state::sign_register(std::move(statement), *self.key,
                                std::make_shared<const seal::Bytes>(self.chain), self.trust.mesh);
}

std::unexpected<Error> unproven(const NodeId& node, const std::string& why) {
    return fail(ErrorCode::kProtocol,
                "the node that answered does not prove what it says of '" + node.str() +
                    "': " + why +
                    ". Nothing was signed. Ask another node with --server, or name the key that is "
                    "meant with `mesh revoke --key`",
                node.str());
}

}  // namespace

Result<NodeId> signer(const seal::Credentials* self) {
    if (self == nullptr) {
        return fail(
            ErrorCode::kUnauthenticated,
            "this must be signed with an operator's key, which a node's own socket does not "
            "bring: ask over the mesh port, with --server HOST:PORT --identity operator.key "
            "--root mesh.pub or a context that has them");
    }
    const auto leaf = seal::decode_leaf(self->chain);
    if (!leaf) return fail(seal::to_error(leaf.error()));
    return leaf->node;
}

Result<ProvenMember> prove_member(const seal::Roots& roots, const NodeId& node,
                                  const NodeDetail& shown) {
    if (shown.word.empty()) {
        return unproven(node,
                        "it sends no word signed by that member, as programs before "
                        "this version do");
    }
    const auto claim = wire::unpack_claim(shown.word);
    if (!claim) return unproven(node, "the member's word is malformed");
    if (claim->id != node) {
        return unproven(node, "the word that it shows is that of '" + claim->id.str() + "'");
    }
    const seal::ByteView chain = seal::bytes_of(claim->credential);
    const auto leaf = seal::decode_leaf(chain);
    // The member may be gone for longer than its certificate was valid: it was good once.
    const auto who = leaf ? roots.verify_recorded(leaf->validity.not_before, chain)
                          : seal::Checked<seal::PeerIdentity>(std::unexpected(leaf.error()));
    if (!who) {
        return unproven(node, std::string("no root that is known here stands behind its "
                                          "certificate (") +
                                  std::string(seal::refusal_name(who.error())) +
                                  "); where the root has rolled over, put the file `succession` "
                                  "beside mesh.pub");
    }
    const bool names = who->node == claim->id && who->key.bytes == claim->key &&
                       who->serial == claim->version.serial && who->roles.has(seal::Role::kPeer);
    if (!names) return unproven(node, "its certificate is for another id, key or serial");
    const std::string said = membership::signed_bytes(*claim);
    if (!seal::verify(who->key, seal::Domain::kMemberRecord, seal::bytes_of(said),
                      seal::Signature{claim->signature})) {
        return unproven(node, "that member has not signed it");
    }
    ProvenMember proven;
    proven.node_ = claim->id;
    proven.key_ = who->key;
    proven.serial_ = who->serial;
    proven.generation_ = claim->version.generation;
    return proven;
}

Result<seal::PublicKey> parse_public_key(const std::string& hex) {
    seal::PublicKey key;
    bool fine = hex.size() == 2 * key.bytes.size();
    for (std::size_t i = 0; fine && i < key.bytes.size(); ++i) {
        const char* const at = hex.data() + 2 * i;
        const auto [end, error] = std::from_chars(at, at + 2, key.bytes[i], 16);
        fine = error == std::errc() && end == at + 2;
    }
    if (fine) return key;
    return fail(ErrorCode::kInvalidRequest,
                "a public key is 64 hex digits, a fingerprint 32; this is neither", "--key");
}

Result<Subject> subject_of_file(const std::string& path) {
    const auto own = seal::load_operator(path);
    if (own) {
        const auto leaf = seal::decode_leaf(own->chain);
        return Subject{own->key->public_key(), leaf ? leaf->node.str() : std::string()};
    }
    if (own.error().code != ErrorCode::kConfigInvalid) return fail(own.error());
    const auto issuer = seal::load_issuer(path);
    if (issuer) {
        const auto certificate = seal::decode_issuer_certificate(issuer->certificate);
        return Subject{issuer->key->public_key(), certificate ? certificate->name : std::string()};
    }
    if (issuer.error().code != ErrorCode::kConfigInvalid) return fail(issuer.error());
    return fail(ErrorCode::kInvalidRequest,
                path +
                    " is neither an operator's nor an issuer's secret key (operator.key, "
                    "issuer.key): only those are revoked by their file. A node is by its name, "
                    "`vidaictl mesh revoke NODE`, and any other key by --key",
                path);
}

bool shows(const NodeDetail& detail, const std::string& key, Subject& found) {
    const auto is = [&](const std::string& hex) {
        const auto parsed = parse_public_key(hex);
        if (!parsed || (hex != key && seal::fingerprint(*parsed) != key)) return false;
        found.key = *parsed;
        return true;
    };
    if (is(detail.key)) {
        found.name = detail.member.id.str();
        return true;
    }
    if (!is(detail.issuer_key)) return false;
    found.name = detail.issuer;
    return true;
}

Result<OperatorStatement> read_statement(const state::Register& said) {
    OperatorStatement out;
    out.by = said.statement.origin;
    out.at = said.statement.time.wall();
    out.kind = static_cast<std::uint8_t>(said.statement.kind);
    out.id = said.statement.id;
    out.time = said.statement.time.value;
    if (said.statement.kind == state::RegisterKind::kForget) {
        const auto forgotten = state::decode_forget(said.statement);
        if (!forgotten) return fail(forgotten.error());
        out.revoked = false;
        out.subject = forgotten->node.str();
        out.serial = forgotten->serial;
        out.generation = forgotten->generation;
        out.until = forgotten->until;
        return out;
    }
    const auto revoked = state::decode_revocation(said.statement);
    if (!revoked) return fail(revoked.error());
    out.subject = revoked->subject;
    out.key = seal::to_hex(revoked->key.bytes);
    out.fingerprint = seal::fingerprint(revoked->key);
    out.reason = revoked->reason;
    out.until = revoked->until;
    return out;
}

Result<state::Register> sign_revocation(const seal::Credentials* self, const Subject& subject,
                                        const std::string& reason, WallTime now) {
    const auto by = signer(self);
    if (!by) return fail(by.error());
    if (reason.size() > state::kReasonMax) {
        return fail(ErrorCode::kInvalidRequest, "a reason has at most 200 bytes", "reason");
    }
    const state::Revocation said{subject.key, subject.name, reason, now + kStatementLife};
    return signed_by(*self, state::encode_statement(said, *by, now));
}

Result<state::Register> sign_forget(const seal::Credentials* self, const ProvenMember& member,
                                    WallTime now) {
    const auto by = signer(self);
    if (!by) return fail(by.error());
    const state::Forget said{member.node(), member.serial(), member.generation(),
                             now + kStatementLife};
    return signed_by(*self, state::encode_statement(said, *by, now));
}

}  // namespace vidai::mesh::rpc
