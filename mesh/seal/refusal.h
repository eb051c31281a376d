// SPDX-License-Identifier: Apache-2.0
// Why the seal turned something away. The name is a metric label and a log field; the seal
// never tells the other side, which sees the connection close. Any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "schema/vocabulary/error.h"

namespace vidai::mesh::seal {

enum class Refusal : std::uint8_t {
    // handshake
    kMessageSize,       // shorter or longer than its kind allows
    kMessageKind,       // another message was due: out of order, reflected, or not our protocol
    kMessageMalformed,  // its fields do not add up
    kStranger,          // mac1: the sender does not know this mesh's root key
    kWrongMesh,         // knows the root key, belongs to another mesh
    kNoCommonVersion,   // no version and suite in common, or the answer was not offered
    kBadEphemeral,      // an ephemeral key of small order
    kNotAuthentic,      // sealed part fails: altered, replayed, or the offer was tampered with
    kBadProof,          // the certificate's key did not sign this handshake
    kSelf,              // we reached ourselves
    kUnexpectedPeer,    // authentic, but not the node that was dialled
    kRoleMissing,       // authentic, but none of the roles that this connection asks for
    kNoCommonWire,  // authentic, but its versions of the RPC schema and ours have none in common
    kRootRolled,    // the initiator goes by a root that another one has followed since
    // certificates
    kCertificateMalformed,
    kCertificateMesh,        // of another mesh
    kCertificateSignature,   // not signed by the root, or not by the issuer above it
    kCertificateExpired,     // by more than the clock tolerance
    kCertificateNotYet,      // not yet valid by more than the clock tolerance
    kCertificateConstraint,  // the issuer was not allowed to certify this
    kCertificateRevoked,     // its key, or the one above it, was voided by an operator
    kRootRetired,            // under a root that another one has followed for good
    // records
    kRecordSize,          // length outside the bounds
    kRecordNotAuthentic,  // altered, reordered, repeated, left out, or of another session
    kRecordKind,          // an unknown tag, an empty record, or a final record with content
    kRecordAfterFinal,    // bytes after the clean end
    kTruncated,           // the stream ended without its final record
};
inline constexpr int kRefusalCount = static_cast<int>(Refusal::kTruncated) + 1;

// Stable, lower case, e.g. "certificate_expired".
std::string_view refusal_name(Refusal refusal);

// A sentence for an operator: what happened and what to do. Code kUnauthenticated, or kProtocol
// for the records; param is the name.
Error to_error(Refusal refusal);

// A T, or why not. Unlike Result, the reason is a closed set that a metric counts.
template <class T>
using Checked = std::expected<T, Refusal>;

}  // namespace vidai::mesh::seal
