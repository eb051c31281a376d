// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/register.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "mesh/seal/encoding.h"
#include "mesh/seal/refusal.h"
#include "mesh/state/succession.h"

namespace vidai::mesh::state {

namespace {

// As many as walk by when all registers of a large mesh are looked at.
constexpr std::size_t kKnownChainsMax = 4'096;

struct Signed {
    seal::Domain domain;
    seal::Bytes bytes;
};

Signed signed_part(const Statement& statement, const MeshId& mesh) {
    seal::Bytes said = encode(statement);
    if (!by_operators(statement.kind)) return {seal::Domain::kRegister, std::move(said)};
    said.insert(said.begin(), mesh.bytes.begin(), mesh.bytes.end());
    seal::Domain domain = seal::Domain::kForget;
    if (statement.kind == RegisterKind::kRevocation) domain = seal::Domain::kRevocation;
    if (statement.kind == RegisterKind::kRoot) domain = seal::Domain::kRootStatement;
    return {domain, std::move(said)};
}

bool is_kind(std::uint8_t kind) {
    return kind >= static_cast<std::uint8_t>(RegisterKind::kKey) && kind <= kRegisterKindMax;
}

}  // namespace

seal::Bytes encode(const Statement& statement) {
    seal::Bytes out;
    seal::Writer writer(out);
    writer.u8(static_cast<std::uint8_t>(statement.kind))
        .var8(seal::bytes_of(statement.id))
        .u8(statement.retired ? 1 : 0)
        .u64(statement.time.value)
        .var8(seal::bytes_of(statement.origin.str()))
        .var16(statement.value);
    return out;
}

Result<Statement> decode_statement(seal::ByteView bytes) {
    seal::Reader reader(bytes);
    const std::uint8_t kind = reader.u8();
    const seal::ByteView id = reader.var8();
    const std::uint8_t retired = reader.u8();
    const Hlc time{reader.u64()};
    const seal::ByteView origin = reader.var8();
    const seal::ByteView value = reader.var16();
    if (!reader.done()) {
        return fail(ErrorCode::kProtocol, "a register's statement is malformed", "statement");
    }
    if (!is_kind(kind)) {
        return fail(ErrorCode::kProtocol, "a register is of an unknown kind", "kind");
    }
    if (id.empty() || id.size() > kRegisterIdMax) {
        return fail(ErrorCode::kProtocol, "a register's id must have 1 to 64 bytes", "id");
    }
    if (retired > 1)
        return fail(ErrorCode::kProtocol, "a register's flag is not 0 or 1", "retired");
    if (value.size() > kRegisterValueMax) {
        return fail(ErrorCode::kProtocol, "a register's value is too long", "value");
    }
    auto node = parse_node_id(seal::text_of(origin));
    if (!node) return fail(ErrorCode::kProtocol, "a register's origin is not a node id", "origin");
    if (by_operators(RegisterKind{kind}) && retired == 0) {
        return fail(ErrorCode::kProtocol, "a statement of an operator is always final", "retired");
    }
    return Statement{RegisterKind{kind}, std::string(seal::text_of(id)), retired == 1, time,
                     std::move(*node),   {value.begin(), value.end()}};
}

bool supersedes(const Register& a, const Register& b) {
    if (a.statement.kind == RegisterKind::kForget && a.statement.value != b.statement.value) {
        return a.statement.value > b.statement.value;
    }
    if (a.statement.kind == RegisterKind::kRoot) {
        const auto ours = decode_succession(a.statement), theirs = decode_succession(b.statement);
        if (ours && theirs && *ours != *theirs) return precedes(*ours, *theirs);
        if (ours.has_value() != theirs.has_value()) return ours.has_value();
    }
    const auto rank = [](const Register& r) {
        const Statement& s = r.statement;
        return std::tie(s.retired, s.time, s.origin, s.value, r.signature.bytes);
    };
    return rank(a) > rank(b);
}

Register sign_register(Statement statement, const seal::SecretKey& key,
                       std::shared_ptr<const seal::Bytes> chain, const MeshId& mesh) {
    const Signed part = signed_part(statement, mesh);
    const seal::Signature signature = key.sign(part.domain, part.bytes);
    return {std::move(statement), signature, std::move(chain)};
}

bool RegisterVerifier::is_dated(const Register& held) {
    if (revoked_->size() == 0 && roots_->size() == 1) return false;
    const auto known = known_chain(held);
    if (!known) return true;  // under a root so old that nobody knows it any more
    const seal::PeerIdentity& by = (*known)->identity;
    return revoked_->covers(by) || by.root != roots_->newest().root;
}

Result<const RegisterVerifier::Known*> RegisterVerifier::known_chain(const Register& candidate) {
    const WallTime time = candidate.statement.time.wall();
    const auto found = known_.find(*candidate.chain);
    if (found != known_.end()) {
        const Known& known = found->second;
        if (known.from <= time && time <= known.to) return &known;
    }

    const auto identity = roots_->verify_recorded(time, *candidate.chain);
    if (!identity) return fail(seal::to_error(identity.error()));
    if (found != known_.end()) {
        Known& known = found->second;
        known.from = std::min(known.from, time);
        known.to = std::max(known.to, time);
        return &known;
    }
    // Always the same one makes room, so that most of more than fit are found again.
    if (known_.size() == kKnownChainsMax) known_.erase(known_.begin());
    return &known_.emplace(*candidate.chain, Known{*identity, time, time}).first->second;
}

Result<void> RegisterVerifier::verify(const Register& candidate, WallTime now) {
    const Statement& statement = candidate.statement;
    if (statement.time.wall() > now + seal::kClockTolerance) {
        return fail(ErrorCode::kProtocol,
                    "a register of " + statement.origin.str() +
                        " is dated in the future: check the nodes' clocks",
                    "time");
    }
    if (statement.kind == RegisterKind::kRoot) {
        const auto said = verify_succession(candidate, roots_->mesh());
        return said ? Result<void>() : fail(said.error());
    }
    const auto known = known_chain(candidate);
    if (!known) return fail(known.error());
    const seal::PeerIdentity& identity = (*known)->identity;
    const bool official = by_operators(statement.kind);
    const seal::Role needed = official ? seal::Role::kOperator : seal::Role::kPeer;
    if (identity.node != statement.origin || !identity.roles.has(needed)) {
        return fail(ErrorCode::kUnauthenticated,
                    "a register of " + statement.origin.str() + " came with the certificate of " +
                        identity.node.str() + ", which has the role " +
                        seal::to_string(identity.roles),
                    "origin");
    }
    if (!official && revoked_->covers(identity)) {
        return fail(ErrorCode::kUnauthenticated,
                    "a register of " + statement.origin.str() + " is signed by a revoked key",
                    "certificate_revoked");
    }
    if (!official && !roots_->believes(identity.root, now)) {
        return fail(ErrorCode::kUnauthenticated,
                    "a register of " + statement.origin.str() + " is under a root that was retired",
                    "root_retired");
    }
    const Signed part = signed_part(statement, roots_->mesh());
    if (!seal::verify(identity.key, part.domain, part.bytes, candidate.signature)) {
        return fail(ErrorCode::kUnauthenticated,
                    "a register's signature is not " + statement.origin.str() + "'s", "signature");
    }
    return {};
}

}  // namespace vidai::mesh::state
