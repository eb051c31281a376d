// SPDX-License-Identifier: Apache-2.0
// What is said about a member: by the member itself, signed (Claim), or by somebody else
// (Accusation). The split is the protocol's first rule: only a node's own signed word may say that
// it is alive, has left, or lives elsewhere; others can only accuse, and an accusation is refuted
// by a newer claim. Values, immutable once shared; any thread.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "mesh/membership/profile.h"
#include "schema/vocabulary/ids.h"

namespace vidai::mesh::membership {

inline constexpr std::size_t kAddressBytesMax = 260;     // a DNS name, ':' and a port
inline constexpr std::size_t kCredentialBytesMax = 512;  // as seal's longest certificate chain

using PublicKeyBytes = std::array<std::uint8_t, 32>;  // ed25519
using SignatureBytes = std::array<std::uint8_t, 64>;  // ed25519

// Which life of a member, and which word of it, ordered: a newer certificate beats an older one (a
// node that lost its volume comes back with a new key, and generation 1), within it the greater
// generation, within that the greater incarnation.
struct Version {
    std::uint64_t serial = 0;  // of the certificate; 0 where there are none
    Generation generation;
    Incarnation incarnation;
    friend auto operator<=>(const Version&, const Version&) = default;
};

// Wire versions that a node speaks, inclusive.
struct WireRange {
    std::uint16_t oldest = 1;
    std::uint16_t newest = 1;
    friend bool operator==(const WireRange&, const WireRange&) = default;
};

// Who a node is. Made once at start, from its volume.
struct Identity {
    NodeId id;
    PublicKeyBytes key{};
    std::uint64_t serial = 0;
    Generation generation;
    std::string credential;  // the certificate chain binding id to key; opaque here, may be empty
    std::string profile{};   // encode_profile(); empty: it says nothing of its program
};

enum class Status : std::uint8_t {
    kJoining,  // known from disk, nobody vouched for it yet; of oneself: nobody met yet
    kAlive,
    kSuspect,
    kDead,
    kLeft,
};
std::string_view status_name(Status status);  // "joining", "alive", ...

// A member's word about itself.
struct Claim {
    NodeId id;
    PublicKeyBytes key{};
    Version version{};
    bool left = false;    // a farewell: final for this generation
    std::string address;  // HOST:PORT that peers dial; an attribute, never an identity
    WireRange wire;
    std::string credential;
    SignatureBytes signature{};  // over signed_bytes(), by `key`
    // Of wire version kProfileWire on. Whoever speaks only an older one drops both on the way, so a
    // claim without them may be of a member that has said more: the fuller word wins.
    std::string profile;                 // encode_profile(), perhaps with more behind it
    SignatureBytes profile_signature{};  // over signed_profile(); all zero where there is none
    friend bool operator==(const Claim&, const Claim&) = default;
};
// Of one process: a certificate that was renewed meanwhile makes a greater version, not a new life.
// Who has lost its volume counts its generations anew, under another key.
inline bool same_life(const Claim& a, const Claim& b) {
    return a.key == b.key && a.version.generation == b.version.generation;
}
// Shared, because every rumor, roster and (in the simulator) every node holds the same words.
using ClaimRef = std::shared_ptr<const Claim>;

// The one canonical encoding that is signed: every field but the signatures and the profile, each
// string with its length in front. The caller adds its domain separation. All wire versions agree
// on it, so that each verifies what any other has signed.
std::string signed_bytes(const Claim& claim);
// The same and the profile: what the second signature is over.
std::string signed_profile(const Claim& claim);

enum class Evidence : std::uint8_t {
    kSilent,   // probes, direct and indirect, were not answered
    kRefused,  // its connection was closed and fresh dials are refused: the process is gone
};

// Somebody's word about a member: `subject` in that very version is suspect or dead.
struct Accusation {
    NodeId subject;
    Version version{};
    Status verdict = Status::kSuspect;  // kSuspect or kDead
    Evidence evidence = Evidence::kSilent;
    NodeId accuser;
    friend bool operator==(const Accusation&, const Accusation&) = default;
};

// Pure functions handed in, so that the core owns neither keys nor a crypto library. `verify`
// answers whether key signed the claim, and its profile if it has one, and the credential binds the
// id to the key; it is asked only for claims that would change something. `sign` fills in both.
// `signed_by_key` leaves the credential out, which may have expired since: for what this node
// itself once said. Without it `verify` is asked.
struct Crypto {
    std::function<void(Claim&)> sign;
    std::function<bool(const Claim&)> verify;
    std::function<bool(const Claim&)> signed_by_key{};
};

}  // namespace vidai::mesh::membership
