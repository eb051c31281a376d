// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/proof.h"

#include <algorithm>
#include <utility>

#include <sodium/crypto_aead_xchacha20poly1305.h>
#include <sodium/crypto_kx.h>
#include <sodium/crypto_scalarmult_curve25519.h>
#include <sodium/utils.h>

#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::seal {
namespace {

static_assert(kAeadTagSize == crypto_aead_xchacha20poly1305_ietf_ABYTES);
// Each key seals one message, so its nonce may be constant.
constexpr std::array<std::uint8_t, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES> kZeroNonce{};

struct Labels {
    Domain key, proof, traffic;
};
constexpr Labels labels_of(Side side) {
    if (side == Side::kInitiator) {
        return {Domain::kHandshakeKeyInitiator, Domain::kHandshakeInitiator,
                Domain::kTrafficInitiator};
    }
    return {Domain::kHandshakeKeyResponder, Domain::kHandshakeResponder, Domain::kTrafficResponder};
}

Bytes encode_hello(const Hello& hello) {
    Bytes out;
    Writer(out)
        .u64(hello.generation.value)
        .u16(hello.wire.min)
        .u16(hello.wire.max)
        .var8(bytes_of(hello.address))
        .var16({});  // extensions: none yet; a reader skips those that it does not know
    return out;
}

bool decode_hello(ByteView bytes, Hello& hello) {
    Reader in(bytes);
    hello.generation.value = in.u64();
    hello.wire.min = in.u16();
    hello.wire.max = in.u16();
    hello.address = std::string(text_of(in.var8()));
    in.var16();
    return in.done() && is_valid(hello);
}

// What a proof signs: the handshake so far, and everything that the proof is sent with.
Bytes signed_part(const Hash& transcript, ByteView chain, ByteView hello) {
    Bytes out;
    Writer(out).fixed(transcript).var16(chain).var16(hello);
    return out;
}

Checked<Bytes> unseal(ByteView sealed, const Hash& transcript, Hash key) {
    if (sealed.size() < kAeadTagSize) return std::unexpected(Refusal::kMessageSize);
    Bytes plain(sealed.size() - kAeadTagSize);
    const int bad = crypto_aead_xchacha20poly1305_ietf_decrypt(
        plain.data(), nullptr, nullptr, sealed.data(), sealed.size(), transcript.data(),
        transcript.size(), kZeroNonce.data(), key.data());
    sodium_memzero(key.data(), key.size());
    if (bad != 0) return std::unexpected(Refusal::kNotAuthentic);
    return plain;
}

bool overlap(WireRange a, WireRange b) {
    return a.min <= b.max && b.min <= a.max;
}

Checked<PeerIdentity> verify_peer(const HandshakeOptions& self, ByteView chain) {
    if (self.roots == nullptr) return verify_chain(self.self->trust, self.now, chain);
    return self.accept_retired ? self.roots->verify_recorded(self.now, chain)
                               : self.roots->verify_chain(self.now, chain);
}

}  // namespace

KeyAgreement::KeyAgreement(RandomSource& random) {
    random.fill(secret_);
    if (VIDAI_MUTANT("ephemeral-repeated")) secret_.fill(7);
    CHECK(crypto_scalarmult_curve25519_base(own_.data(), secret_.data()) == 0);
}

KeyAgreement::~KeyAgreement() {
    sodium_memzero(this, sizeof *this);
}

bool KeyAgreement::agree(Side self, ByteView peer) {
    CHECK(peer.size() == kKeySize);
    if (self == Side::kInitiator) {
        return crypto_kx_client_session_keys(responder_.data(), initiator_.data(), own_.data(),
                                             secret_.data(), peer.data()) == 0;
    }
    return crypto_kx_server_session_keys(initiator_.data(), responder_.data(), own_.data(),
                                         secret_.data(), peer.data()) == 0;
}

std::array<std::uint8_t, 16> mesh_tag(const Trust& trust) {
    return digest<16>(Domain::kMeshTag, {trust.mesh.bytes});
}

std::array<std::uint8_t, 16> mac1(const Trust& trust, ByteView before) {
    const Hash key = digest<32>(Domain::kMac1Key, {trust.root.bytes});
    return digest<16>(Domain::kMac1, {before}, key);
}

bool is_valid(const Hello& hello) {
    return hello.wire.min <= hello.wire.max && hello.address.size() <= kAddressMax &&
           std::ranges::all_of(hello.address, [](char c) { return c > ' ' && c < 0x7f; });
}

std::size_t sealed_proof_size(const HandshakeOptions& self) {
    return 2 + self.self->chain.size() + Signature{}.bytes.size() + 2 +
           encode_hello(self.hello).size() + kAeadTagSize;
}

Bytes seal_proof(const HandshakeOptions& self, Side side, const KeyAgreement& agreement,
                 const Hash& transcript) {
    const Labels labels = labels_of(side);
    const Bytes& chain = self.self->chain;
    const Bytes hello = encode_hello(self.hello);
    const Signature signature =
        self.self->key->sign(labels.proof, signed_part(transcript, chain, hello));
    Bytes plain;
    Writer(plain).var16(chain).fixed(signature.bytes).var16(hello);

    Hash key = digest<32>(labels.key, {transcript}, agreement.key_of(side));
    Bytes sealed(plain.size() + kAeadTagSize);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data(), nullptr, plain.data(), plain.size(),
                                               transcript.data(), transcript.size(), nullptr,
                                               kZeroNonce.data(), key.data());
    sodium_memzero(key.data(), key.size());
    return sealed;
}

Checked<Proven> open_proof(const HandshakeOptions& self, Side side, const KeyAgreement& agreement,
                           const Hash& transcript, ByteView sealed) {
    const Labels labels = labels_of(side);
    const Checked<Bytes> plain =
        unseal(sealed, transcript, digest<32>(labels.key, {transcript}, agreement.key_of(side)));
    if (!plain) return std::unexpected(plain.error());
    Reader in(*plain);
    const ByteView chain = in.var16();
    Signature signature;
    in.into(signature.bytes);
    const ByteView hello = in.var16();
    Proven out;
    if (!in.done() || !decode_hello(hello, out.hello)) {
        return std::unexpected(Refusal::kMessageMalformed);
    }
    Checked<PeerIdentity> peer = verify_peer(self, chain);
    if (!peer) return std::unexpected(peer.error());
    if (!VIDAI_MUTANT("proof-not-verified") &&
        !verify(peer->key, labels.proof, signed_part(transcript, chain, hello), signature)) {
        return std::unexpected(Refusal::kBadProof);
    }
    if (!VIDAI_MUTANT("revocation-not-asked") && self.revoked != nullptr &&
        self.revoked->covers(*peer)) {
        return std::unexpected(Refusal::kCertificateRevoked);
    }
    if (peer->key == self.self->key->public_key()) return std::unexpected(Refusal::kSelf);
    if (!self.expect.empty() && peer->node != self.expect) {
        return std::unexpected(Refusal::kUnexpectedPeer);
    }
    const bool welcome = peer->roles.any_of(self.accept) || VIDAI_MUTANT("role-not-required");
    if (!welcome) return std::unexpected(Refusal::kRoleMissing);
    if (!overlap(self.hello.wire, out.hello.wire)) return std::unexpected(Refusal::kNoCommonWire);
    out.peer = *std::move(peer);
    return out;
}

DirectionKeys traffic_keys(Side side, const KeyAgreement& agreement, const Hash& transcript) {
    auto bytes = digest<56>(labels_of(side).traffic, {transcript}, agreement.key_of(side));
    DirectionKeys keys;
    Reader in(bytes);
    in.into(keys.key);
    in.into(keys.header);
    sodium_memzero(bytes.data(), bytes.size());
    return keys;
}

}  // namespace vidai::mesh::seal
