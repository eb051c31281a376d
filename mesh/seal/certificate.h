// SPDX-License-Identifier: Apache-2.0
// Who a node is, as the mesh's root says it: a node certificate binds a node id to its key and
// roles, signed by the root or by a delegated issuer whose own certificate, signed by the root,
// says which ids, roles and lifetimes it may hand out. Encodings: docs/security.md, section 4.
// Pure: the time is an argument. Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "mesh/seal/keys.h"
#include "mesh/seal/refusal.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::seal {

enum class Role : std::uint32_t {
    kPeer = 1,         // a gateway node: gossip
    kJoin = 2,         // may ask for a certificate, nothing else
    kOperator = 4,     // reads and changes keys, limits and members
    kBudgetAdmin = 8,  // changes hard budgets
    kObserver = 16,    // reads
};
struct Roles {
    std::uint32_t bits = 0;  // unknown bits are carried and grant nothing
    constexpr Roles() = default;
    constexpr explicit Roles(std::uint32_t all) : bits(all) {}
    // NOLINTNEXTLINE(google-explicit-constructor): a role is a set of one
    constexpr Roles(Role role) : bits(static_cast<std::uint32_t>(role)) {}
    constexpr bool has(Role role) const { return (bits & static_cast<std::uint32_t>(role)) != 0; }
    constexpr bool any_of(Roles other) const { return (bits & other.bits) != 0; }
    constexpr bool within(Roles other) const { return (bits & ~other.bits) == 0; }
    friend constexpr Roles operator|(Roles a, Roles b) { return Roles(a.bits | b.bits); }
    friend bool operator==(const Roles&, const Roles&) = default;
};
constexpr Roles operator|(Role a, Role b) {
    return Roles(a) | Roles(b);
}
std::string to_string(Roles roles);  // "peer+observer"

// What only the root may grant is not in here, whatever an issuer certificate says.
inline constexpr Roles kDelegableRoles = Role::kPeer | Role::kJoin;
inline constexpr std::chrono::minutes kClockTolerance{10};
inline constexpr std::size_t kChainBytesMax = 512;

struct Validity {
    WallTime not_before, not_after;
    friend bool operator==(const Validity&, const Validity&) = default;
};

struct NodeCertificate {
    MeshId mesh;
    NodeId node;  // or an operator's name, which has the same form; of role join alone: a pattern
    PublicKey key;
    Roles roles;
    std::uint64_t serial = 0;  // of two certificates of one node the greater is the newer
    Validity validity;
    friend bool operator==(const NodeCertificate&, const NodeCertificate&) = default;
};

struct IssuerCertificate {
    MeshId mesh;
    std::string name;  // as a node id; for logs
    PublicKey key;
    Roles may_grant;           // within kDelegableRoles
    std::string node_pattern;  // the form of a node id with at most one '*', any run of characters
    std::chrono::seconds validity_max{};
    std::uint64_t serial = 0;
    Validity validity;
    friend bool operator==(const IssuerCertificate&, const IssuerCertificate&) = default;
};

// Whom a node believes. Public.
struct Trust {
    MeshId mesh;
    PublicKey root;
    friend bool operator==(const Trust&, const Trust&) = default;
};

// Who we are. Shared by all handshakes of a program and replaced whole when a certificate is
// renewed: running handshakes keep theirs.
struct Credentials {
    Trust trust;
    std::shared_ptr<const SecretKey> key;
    Bytes chain;  // encode_chain()
};

// What a verified chain says.
struct PeerIdentity {
    NodeId node;
    PublicKey key;
    Roles roles;
    std::uint64_t serial = 0;
    WallTime valid_until;  // of the shortest-lived certificate in the chain
    std::string issuer;    // empty: the root itself
    PublicKey issuer_key;  // all zeros: the root itself
    PublicKey root;        // that the chain begins at
    friend bool operator==(const PeerIdentity&, const PeerIdentity&) = default;
};

// 1 to 64 of a node id's characters and at most one '*'.
bool is_node_pattern(std::string_view text);
bool matches(std::string_view pattern, const NodeId& node);

// kCertificateConstraint where a node certificate breaks what its issuer may hand out.
Checked<void> check_constraints(const IssuerCertificate& issuer, const NodeCertificate& node);

// Encoded and signed; CHECKs that the fields are within their bounds.
Bytes sign_certificate(const SecretKey& signer, const NodeCertificate& certificate);
Bytes sign_certificate(const SecretKey& signer, const IssuerCertificate& certificate);

// Strict, one certificate and nothing after it; the signature is not looked at.
Checked<NodeCertificate> decode_node_certificate(ByteView bytes);
Checked<IssuerCertificate> decode_issuer_certificate(ByteView bytes);

// A chain is [issuer certificate,] node certificate, at most kChainBytesMax; `issuer` may be empty.
Bytes encode_chain(ByteView issuer, ByteView node);

// When a certificate should be replaced: after two thirds of its life.
WallTime renewal_due(const Validity& validity);

// The node certificate at a chain's end, unverified: what the owner of a chain asks of its own.
Checked<NodeCertificate> decode_leaf(ByteView chain);

// The issuer certificate before it, unverified too; kCertificateMalformed where there is none.
Checked<IssuerCertificate> decode_issuer(ByteView chain);

// An issuer certificate on its own: form, mesh, the root's signature, time.
Checked<IssuerCertificate> verify_issuer(const Trust& trust, WallTime now, ByteView certificate);

// Everything: form, mesh, signatures from the root down, times, constraints.
Checked<PeerIdentity> verify_chain(const Trust& trust, WallTime now, ByteView chain);

}  // namespace vidai::mesh::seal
