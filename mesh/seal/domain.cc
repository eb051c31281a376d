// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/domain.h"

#include <sodium/crypto_generichash_blake2b.h>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::seal {

std::string_view domain_label(Domain domain) {
    switch (domain) {
        case Domain::kNodeCertificate:
            return "vidai/node-certificate/1";
        case Domain::kIssuerCertificate:
            return "vidai/issuer-certificate/1";
        case Domain::kHandshakeInitiator:
            return "vidai/handshake-initiator/1";
        case Domain::kHandshakeResponder:
            return "vidai/handshake-responder/1";
        case Domain::kMemberRecord:
            return "vidai/member-record/1";
        case Domain::kMemberProfile:
            return "vidai/member-profile/1";
        case Domain::kRegister:
            return "vidai/register/1";
        case Domain::kLogBatch:
            return "vidai/log-batch/1";
        case Domain::kRevocation:
            return "vidai/revocation/1";
        case Domain::kForget:
            return "vidai/forget/1";
        case Domain::kRootStatement:
            return "vidai/root-statement/1";
        case Domain::kRootAcceptance:
            return "vidai/root-acceptance/1";
        case Domain::kCertificateRequest:
            return "vidai/certificate-request/1";
        case Domain::kCounterBatch:
            return "vidai/counter-batch/1";
        case Domain::kKeyRotation:
            return "vidai/key-rotation/1";
        case Domain::kLogVolume:
            return "vidai/log-volume/1";
        case Domain::kFingerprint:
            return "vidai/fingerprint/1";
        case Domain::kMeshTag:
            return "vidai/mesh-tag/1";
        case Domain::kMac1Key:
            return "vidai/mac1-key/1";
        case Domain::kMac1:
            return "vidai/mac1/1";
        case Domain::kTranscriptM2Clear:
            return "vidai/transcript-m2-clear/1";
        case Domain::kTranscriptM2:
            return "vidai/transcript-m2/1";
        case Domain::kTranscriptM3:
            return "vidai/transcript-m3/1";
        case Domain::kHandshakeKeyInitiator:
            return "vidai/handshake-key-initiator/1";
        case Domain::kHandshakeKeyResponder:
            return "vidai/handshake-key-responder/1";
        case Domain::kTrafficInitiator:
            return "vidai/traffic-initiator/1";
        case Domain::kTrafficResponder:
            return "vidai/traffic-responder/1";
        case Domain::kChannelBinding:
            return "vidai/channel-binding/1";
        case Domain::kArmour:
            return "vidai/armour/1";
        case Domain::kJoinToken:
            return "vidai/join-token/1";
        case Domain::kLogBatchHash:
            return "vidai/log-batch-hash/1";
        case Domain::kJournal:
            return "vidai/journal/1";
    }
    CHECK(false, "a Domain outside the enumeration");
}

void digest(Domain domain, std::initializer_list<ByteView> parts, ByteView key,
            std::span<std::uint8_t> out) {
    CHECK(out.size() >= crypto_generichash_blake2b_BYTES_MIN &&
          out.size() <= crypto_generichash_blake2b_BYTES_MAX);
    crypto_generichash_blake2b_state state;
    CHECK(crypto_generichash_blake2b_init(&state, key.data(), key.size(), out.size()) == 0);
    const ByteView label = bytes_of(domain_label(domain));
    const auto length = static_cast<std::uint8_t>(label.size());
    crypto_generichash_blake2b_update(&state, &length, 1);
    crypto_generichash_blake2b_update(&state, label.data(), label.size());
    for (const ByteView part : parts) {
        crypto_generichash_blake2b_update(&state, part.data(), part.size());
    }
    crypto_generichash_blake2b_final(&state, out.data(), out.size());
}

}  // namespace vidai::mesh::seal
