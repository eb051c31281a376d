// SPDX-License-Identifier: Apache-2.0
// The cryptography of the handshake, without its order: the key agreement, what a side seals to
// prove who it is, and the keys that follow. docs/security.md, section 5. Private to this folder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "mesh/seal/handshake.h"

namespace vidai::mesh::seal {

inline constexpr std::size_t kKeySize = 32;
inline constexpr std::size_t kAeadTagSize = 16;
using Hash = std::array<std::uint8_t, 32>;

// Who speaks: every key and signature is of one side.
enum class Side : std::uint8_t { kInitiator, kResponder };

// The ephemeral X25519 pair of one handshake and the two keys that crypto_kx derives from it.
class KeyAgreement {
  public:
    explicit KeyAgreement(RandomSource& random);
    KeyAgreement(const KeyAgreement&) = delete;
    KeyAgreement& operator=(const KeyAgreement&) = delete;
    ~KeyAgreement();

    const std::array<std::uint8_t, kKeySize>& public_key() const { return own_; }
    // `self` is our side; false for a peer's key of small order.
    [[nodiscard]] bool agree(Side self, ByteView peer);
    // The key for what `side` sends.
    ByteView key_of(Side side) const { return side == Side::kInitiator ? initiator_ : responder_; }

  private:
    std::array<std::uint8_t, kKeySize> secret_{}, own_{}, initiator_{}, responder_{};
};

std::array<std::uint8_t, 16> mesh_tag(const Trust& trust);
std::array<std::uint8_t, 16> mac1(const Trust& trust, ByteView before);

bool is_valid(const Hello& hello);

// The sealed part of `side`'s message, and its size, which the transcript must know beforehand.
Bytes seal_proof(const HandshakeOptions& self, Side side, const KeyAgreement& agreement,
                 const Hash& transcript);
std::size_t sealed_proof_size(const HandshakeOptions& self);

struct Proven {
    PeerIdentity peer;
    Hello hello;
};
// What `side` proved about itself, if it is somebody that `self` accepts.
Checked<Proven> open_proof(const HandshakeOptions& self, Side side, const KeyAgreement& agreement,
                           const Hash& transcript, ByteView sealed);

DirectionKeys traffic_keys(Side side, const KeyAgreement& agreement, const Hash& transcript);

}  // namespace vidai::mesh::seal
