// SPDX-License-Identifier: Apache-2.0
// What operators say about identities, as registers that every node holds: that a key is void, and
// that a member is gone for good. Neither is ever taken back; both are collected at `until`, when
// no certificate that they speak of can be valid any more. docs/security.md, section 7. Pure; any
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "mesh/seal/keys.h"
#include "mesh/state/register.h"
#include "schema/base/mutant.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::state {

inline constexpr std::size_t kReasonMax = 200;
// The longest that a certificate may be valid, and so a statement about it needed.
inline constexpr std::chrono::seconds kStatementLifeMax = std::chrono::days(3'660);

struct Revocation {
    seal::PublicKey key;
    std::string subject;  // for people: whose it was, at most 64 bytes
    std::string reason;   // for people, UTF-8, at most kReasonMax bytes
    WallTime until;
    friend bool operator==(const Revocation&, const Revocation&) = default;
};

// `node` in this life, and in all before it; only a newer one may come back.
struct Forget {
    NodeId node;
    std::uint64_t serial = 0;
    Generation generation;
    WallTime until;
    friend bool operator==(const Forget&, const Forget&) = default;
};

// A statement that speaks until then is collected, and not taken any more.
inline bool is_over(WallTime until, WallTime now) {
    return until - std::chrono::seconds(VIDAI_MUTANT("tombstone-collected-early") ? 5 : 0) <= now;
}

Statement encode_statement(const Revocation& said, const NodeId& by, WallTime now);
Statement encode_statement(const Forget& said, const NodeId& by, WallTime now);

// kProtocol unless it is exactly what encode_statement() makes within the bounds, `until` among
// them: after the statement's time, by at most kStatementLifeMax.
Result<Revocation> decode_revocation(const Statement& statement);
Result<Forget> decode_forget(const Statement& statement);

// The register's id: 64 hex digits.
std::string revocation_id(const seal::PublicKey& key);

}  // namespace vidai::mesh::state
