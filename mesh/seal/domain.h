// SPDX-License-Identifier: Apache-2.0
// The registry of domain separation labels. Everything that is signed or hashed in the mesh names
// its purpose here, so that bytes signed for one purpose are never valid for another. A label is
// never reused or changed: a new meaning is a new line. docs/security.md lists them too. Any
// thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "mesh/seal/encoding.h"

namespace vidai::mesh::seal {

enum class Domain : std::uint8_t {
    // signatures
    kNodeCertificate,
    kIssuerCertificate,
    kHandshakeInitiator,
    kHandshakeResponder,
    kMemberRecord,        // membership: one node about itself
    kMemberProfile,       // the same with what it says of its program
    kRegister,            // replicated registers: keys and limits
    kLogBatch,            // a batch of a node's durable log
    kRevocation,          // an identity is void
    kForget,              // a member is removed from the roster
    kRootStatement,       // the old root names the new one
    kRootAcceptance,      // the new root accepts to follow the old one
    kCertificateRequest,  // a joiner asks for its certificate
    kCounterBatch,        // what one node has counted, for relays
    kKeyRotation,         // a node's next key
    kLogVolume,           // at which node a log's volume lies
    // hashes
    kFingerprint,
    kMeshTag,
    kMac1Key,
    kMac1,
    kTranscriptM2Clear,
    kTranscriptM2,
    kTranscriptM3,
    kHandshakeKeyInitiator,
    kHandshakeKeyResponder,
    kTrafficInitiator,
    kTrafficResponder,
    kChannelBinding,
    kArmour,
    kJoinToken,
    kLogBatchHash,
    kJournal,
};
inline constexpr int kDomainCount = static_cast<int>(Domain::kJournal) + 1;

// E.g. "vidai/member-record/1": ASCII, at most 255 bytes.
std::string_view domain_label(Domain domain);

// BLAKE2b (RFC 7693) with `out.size()` bytes of output (16 to 64) and an optional key (16 to 64),
// over u8 length of the label, the label, then the parts as they are: a part of variable length
// comes last or carries its own length.
void digest(Domain domain, std::initializer_list<ByteView> parts, ByteView key,
            std::span<std::uint8_t> out);

template <std::size_t N>
std::array<std::uint8_t, N> digest(Domain domain, std::initializer_list<ByteView> parts,
                                   ByteView key = {}) {
    std::array<std::uint8_t, N> out;
    digest(domain, parts, key, out);
    return out;
}

}  // namespace vidai::mesh::seal
