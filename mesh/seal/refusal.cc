// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/refusal.h"

#include <array>
#include <string>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::seal {
namespace {

struct Row {
    Refusal refusal;
    std::string_view name;
    std::string_view advice;
};

// In the order of the enumeration.
constexpr std::array<Row, kRefusalCount> kRows{{
    {Refusal::kMessageSize, "message_size",
     "a handshake message has an impossible length: is the other side a vidai mesh port?"},
    {Refusal::kMessageKind, "message_kind",
     "a handshake message came out of order: is the other side a vidai mesh port?"},
    {Refusal::kMessageMalformed, "message_malformed",
     "a handshake message is malformed: is the other side a vidai mesh port?"},
    {Refusal::kStranger, "stranger",
     "the caller does not know this mesh's root key: give it this mesh's mesh.pub"},
    {Refusal::kWrongMesh, "wrong_mesh",
     "the caller belongs to another mesh under the same root: check its mesh.pub and its seeds"},
    {Refusal::kNoCommonVersion, "no_common_version",
     "the two sides share no handshake version: upgrade the older one"},
    {Refusal::kBadEphemeral, "bad_ephemeral",
     "the other side sent an unusable ephemeral key: it is broken or hostile"},
    {Refusal::kNotAuthentic, "not_authentic",
     "the handshake was altered or replayed on its way, or the two sides trust different roots"},
    {Refusal::kBadProof, "bad_proof",
     "the other side does not hold the key of the certificate that it showed"},
    {Refusal::kSelf, "self", "this address leads back to this node"},
    {Refusal::kUnexpectedPeer, "unexpected_peer",
     "another node than the one dialled answered: its address has moved"},
    {Refusal::kRoleMissing, "role_missing",
     "the other side's certificate lacks the role that this connection needs"},
    {Refusal::kNoCommonWire, "no_common_wire",
     "the two sides' programs share no version of the RPC schema: upgrade the older one, one minor "
     "version at a time"},
    {Refusal::kRootRolled, "root_rolled",
     "the mesh's root has rolled over since the initiator was last here: it is told of the new one "
     "and comes again by itself; if it does not, give it the new mesh.pub"},
    {Refusal::kCertificateMalformed, "certificate_malformed",
     "the other side's certificate cannot be read: issue it again"},
    {Refusal::kCertificateMesh, "certificate_mesh",
     "the other side's certificate is of another mesh: issue one with this mesh's issuer"},
    {Refusal::kCertificateSignature, "certificate_signature",
     "the certificate is not signed by this mesh's root or its issuer: issue it again"},
    {Refusal::kCertificateExpired, "certificate_expired",
     "the certificate has expired: renew it, and check both clocks"},
    {Refusal::kCertificateNotYet, "certificate_not_yet_valid",
     "the certificate is not valid yet: check both clocks, they differ by more than 10 minutes"},
    {Refusal::kCertificateConstraint, "certificate_constraint",
     "the issuer was not allowed to certify this node, role or lifetime"},
    {Refusal::kCertificateRevoked, "certificate_revoked",
     "an operator has revoked the key of the other side's certificate or of its issuer"},
    {Refusal::kRootRetired, "root_retired",
     "the certificate is under a root that was retired: get one under the new root, a node by a "
     "new join token or issuer file, an operator from whoever rolled the root over"},
    {Refusal::kRecordSize, "record_size", "a record has an impossible length"},
    {Refusal::kRecordNotAuthentic, "record_not_authentic",
     "a record was altered, repeated, reordered or left out on its way"},
    {Refusal::kRecordKind, "record_kind", "a record of a kind that the protocol does not have"},
    {Refusal::kRecordAfterFinal, "record_after_final", "bytes came after the stream's end"},
    {Refusal::kTruncated, "truncated",
     "the connection ended without its final record: it was cut or the other side died"},
}};

const Row& row(Refusal refusal) {
    const auto index = static_cast<std::size_t>(refusal);
    CHECK(index < kRows.size() && kRows[index].refusal == refusal);
    return kRows[index];
}

}  // namespace

std::string_view refusal_name(Refusal refusal) {
    return row(refusal).name;
}

Error to_error(Refusal refusal) {
    const Row& entry = row(refusal);
    const ErrorCode code =
        refusal >= Refusal::kRecordSize ? ErrorCode::kProtocol : ErrorCode::kUnauthenticated;
    return Error{code, std::string(entry.advice), std::string(entry.name)};
}

}  // namespace vidai::mesh::seal
