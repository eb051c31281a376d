// SPDX-License-Identifier: Apache-2.0
// A register: one replicated value, signed by the node that wrote it, so that it may reach us
// through anybody. Two versions of one register are ordered by a total order and the greater wins,
// which makes merging commutative, associative and idempotent (a last-writer-wins register,
// Shapiro et al. 2011) - except that a retired one beats every other: a revocation is never undone
// by an edit that had not heard of it. Operators' statements about identities (statement.h) are
// registers too, signed by the operator and retired from the start. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mesh/seal/certificate.h"
#include "mesh/seal/keys.h"
#include "mesh/seal/revoked.h"
#include "mesh/seal/roots.h"
#include "mesh/state/hlc.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::state {

enum class RegisterKind : std::uint8_t {
    kKey = 1,
    kRevocation = 2,
    kForget = 3,
    kRoot = 4,
    kLimit = 5,
    kGenesis = 6,
    kCard = 7,
};
inline constexpr std::uint8_t kRegisterKindMax = static_cast<std::uint8_t>(RegisterKind::kCard);
// Statements about identities, by operators or, kRoot, by the root itself.
constexpr bool by_operators(RegisterKind kind) {
    return kind == RegisterKind::kRevocation || kind == RegisterKind::kForget ||
           kind == RegisterKind::kRoot;
}

inline constexpr std::size_t kRegisterIdMax = 64;
inline constexpr std::size_t kRegisterValueMax = 40 * 1024;
inline constexpr std::size_t kStatementMax = kRegisterValueMax + 512;

// What the origin says and signs. The value of a retired register is kept, so that a revoked key
// can still be named.
struct Statement {
    RegisterKind kind = RegisterKind::kKey;
    std::string id;  // 1 to kRegisterIdMax bytes
    bool retired = false;
    Hlc time;
    NodeId origin;
    std::vector<std::uint8_t> value;  // at most kRegisterValueMax bytes
    friend bool operator==(const Statement&, const Statement&) = default;
};

struct Register {
    Statement statement;
    // Domain kRegister over encode(statement); for what operators say, domain kRevocation, kForget
    // or kRootStatement over mesh id || encode(statement).
    seal::Signature signature;
    // The origin's certificate chain at the time, of a kRoot empty; shared by all registers signed
    // under it.
    std::shared_ptr<const seal::Bytes> chain;
};

// Canonical: one statement, one encoding.
seal::Bytes encode(const Statement& statement);
// kProtocol unless `bytes` are exactly what encode() makes of a statement within its bounds.
Result<Statement> decode_statement(seal::ByteView bytes);

// The total order: retired, then time, then origin, value and signature; of two kForget the value,
// which begins with the version forgotten, comes before the time, and of two kRoot what
// precedes() in succession.h says.
bool supersedes(const Register& a, const Register& b);

Register sign_register(Statement statement, const seal::SecretKey& key,
                       std::shared_ptr<const seal::Bytes> chain, const MeshId& mesh = {});

// Whether a register from outside may be believed: the chain was valid at the register's own time
// (certificates live days, registers years), names the origin as a peer, or as an operator where
// the kind asks for one, and its key signed this; and the time is not ahead of `now` by more than
// the clock tolerance. What a peer signed with a revoked key is refused, even if it is older than
// the revocation, for whoever has the key can date it back; what an operator said stays said, since
// it only ever takes rights away; so may an operator under a root that was retired since, but no
// peer. Remembers chains it has verified, a bounded number. Mesh thread.
class RegisterVerifier {
  public:
    explicit RegisterVerifier(std::shared_ptr<const seal::Roots> roots,
                              std::shared_ptr<const seal::RevokedKeys> revoked =
                                  std::make_shared<const seal::RevokedKeys>())
        : roots_(std::move(roots)), revoked_(std::move(revoked)) {}
    explicit RegisterVerifier(const seal::Trust& trust)
        : RegisterVerifier(std::make_shared<const seal::Roots>(trust)) {}
    // kUnauthenticated or kProtocol, with who and why.
    Result<void> verify(const Register& candidate, WallTime now);
    // Whether others may not believe a register that is held: it was signed by a key that has been
    // revoked since, or under a root that another one follows.
    bool is_dated(const Register& held);

  private:
    // A chain's validity is an interval: what held at two times holds between them.
    struct Known {
        seal::PeerIdentity identity;
        WallTime from, to;
    };
    Result<const Known*> known_chain(const Register& candidate);

    const std::shared_ptr<const seal::Roots> roots_;
    const std::shared_ptr<const seal::RevokedKeys> revoked_;
    std::map<seal::Bytes, Known> known_;  // by chain
};

}  // namespace vidai::mesh::state
