// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/handshake.h"

#include <algorithm>
#include <utility>

#include <sodium/crypto_aead_xchacha20poly1305.h>
#include <sodium/crypto_kx.h>
#include <sodium/crypto_scalarmult_curve25519.h>
#include <sodium/utils.h>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::seal {
namespace {

constexpr std::uint8_t kKindM1 = 1, kKindM2 = 2, kKindM3 = 3;
constexpr std::uint8_t kVersion = 1;
// X25519, ed25519, BLAKE2b, XChaCha20-Poly1305: the only suite so far.
constexpr std::uint16_t kSuite = 1;
constexpr std::size_t kOffersMax = 8;
constexpr std::size_t kLengthSize = 2;
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kNonceSize = 32;
constexpr std::size_t kMeshTagSize = 16;
constexpr std::size_t kMacSize = 16;
constexpr std::size_t kAeadTagSize = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kM2ClearSize = kLengthSize + 1 + 1 + 2 + kKeySize + kNonceSize;
constexpr std::size_t kM3ClearSize = kLengthSize + 1;

using Hash = std::array<std::uint8_t, 32>;
// Each key seals one message, so its nonce may be constant.
constexpr std::array<std::uint8_t, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES> kZeroNonce{};

std::array<std::uint8_t, kMeshTagSize> mesh_tag(const Trust& trust) {
    return digest<kMeshTagSize>(Domain::kMeshTag, {trust.mesh.bytes});
}

std::array<std::uint8_t, kMacSize> mac1(const Trust& trust, ByteView before) {
    const Hash key = digest<32>(Domain::kMac1Key, {trust.root.bytes});
    return digest<kMacSize>(Domain::kMac1, {before}, key);
}

// Fills in the length prefix that was left zero.
void close_frame(Bytes& message) {
    CHECK(message.size() <= kHandshakeMessageMax);
    const std::size_t body = message.size() - kLengthSize;
    message[0] = static_cast<std::uint8_t>(body >> 8);
    message[1] = static_cast<std::uint8_t>(body);
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

bool is_address(std::string_view text) {
    return text.size() <= kAddressMax &&
           std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

bool decode_hello(ByteView bytes, Hello& hello) {
    Reader in(bytes);
    hello.generation.value = in.u64();
    hello.wire.min = in.u16();
    hello.wire.max = in.u16();
    hello.address = std::string(text_of(in.var8()));
    in.var16();
    return in.done() && is_address(hello.address) && hello.wire.min <= hello.wire.max;
}

// What a proof signs besides the transcript: everything that it is sent with.
Bytes proof_input(const Hash& transcript, ByteView chain, ByteView hello) {
    Bytes out;
    Writer(out).fixed(transcript).var16(chain).var16(hello);
    return out;
}

DirectionKeys direction_keys(Domain domain, ByteView kx_key, const Hash& transcript) {
    auto bytes = digest<56>(domain, {transcript}, kx_key);
    DirectionKeys keys;
    std::copy_n(bytes.begin(), keys.key.size(), keys.key.begin());
    std::copy_n(bytes.begin() + keys.key.size(), keys.header.size(), keys.header.begin());
    sodium_memzero(bytes.data(), bytes.size());
    return keys;
}

}  // namespace

// The X25519 pair of one handshake and the two keys that crypto_kx derives from it.
struct Handshake::Ephemeral {
    std::array<std::uint8_t, kKeySize> secret{}, own{}, initiator_kx{}, responder_kx{};

    explicit Ephemeral(RandomSource& random) {
        random.fill(secret);
        CHECK(crypto_scalarmult_curve25519_base(own.data(), secret.data()) == 0);
    }
    Ephemeral(const Ephemeral&) = delete;
    Ephemeral& operator=(const Ephemeral&) = delete;
    ~Ephemeral() { sodium_memzero(this, sizeof *this); }

    // False for a peer's key of small order.
    bool agree_as_initiator(ByteView peer) {
        return crypto_kx_client_session_keys(responder_kx.data(), initiator_kx.data(), own.data(),
                                             secret.data(), peer.data()) == 0;
    }
    bool agree_as_responder(ByteView peer) {
        return crypto_kx_server_session_keys(initiator_kx.data(), responder_kx.data(), own.data(),
                                             secret.data(), peer.data()) == 0;
    }
};

Handshake::Handshake(HandshakeOptions options, RandomSource& random)
    : options_(std::move(options)), random_(random) {
    CHECK(options_.self != nullptr && options_.self->key != nullptr);
    CHECK(options_.self->chain.size() <= kChainBytesMax && is_address(options_.hello.address) &&
          options_.hello.wire.min <= options_.hello.wire.max);
}

Handshake::~Handshake() = default;

Refusal Handshake::refusal() const {
    CHECK(state_ == State::kRefused);
    return refusal_;
}

Session Handshake::take_session() {
    CHECK(state_ == State::kDone && session_ != nullptr);
    const std::unique_ptr<Session> session = std::move(session_);
    return *session;
}

Handshake::Progress Handshake::feed(ByteView in) {
    Progress progress;
    const auto take_up_to = [&](std::size_t target) {
        const std::size_t count = std::min(target - held_, in.size() - progress.consumed);
        std::copy_n(in.begin() + static_cast<std::ptrdiff_t>(progress.consumed), count,
                    pending_.begin() + static_cast<std::ptrdiff_t>(held_));
        held_ += count;
        progress.consumed += count;
        return held_ == target;
    };
    const auto refuse = [&](Refusal why) {
        state_ = State::kRefused;
        refusal_ = why;
        ephemeral_.reset();
        progress.send.clear();
    };
    while (state_ == State::kOngoing) {
        if (held_ < kLengthSize && !take_up_to(kLengthSize)) break;
        const std::size_t size =
            kLengthSize + (static_cast<std::size_t>(pending_[0]) << 8 | pending_[1]);
        if (size > kHandshakeMessageMax || size < kM3ClearSize) {
            refuse(Refusal::kMessageSize);
            break;
        }
        if (!take_up_to(size)) break;
        held_ = 0;
        const Checked<Bytes> answer = on_message(ByteView(pending_).first(size));
        if (!answer) {
            refuse(answer.error());
            break;
        }
        progress.send.insert(progress.send.end(), answer->begin(), answer->end());
    }
    progress.state = state_;
    return progress;
}

Hash Handshake::first_transcript(ByteView m1, ByteView m2_clear) const {
    const Trust& trust = options_.self->trust;
    return digest<32>(Domain::kTranscriptM2Clear,
                      {trust.mesh.bytes, trust.root.bytes, m1, m2_clear});
}

Bytes Handshake::seal_proof(Domain key_domain, Domain proof_domain, ByteView kx_key,
                            const Hash& transcript) const {
    const Credentials& self = *options_.self;
    const Bytes hello = encode_hello(options_.hello);
    const Signature proof =
        self.key->sign(proof_domain, proof_input(transcript, self.chain, hello));
    Bytes plain;
    Writer(plain).var16(self.chain).fixed(proof.bytes).var16(hello);

    Hash key = digest<32>(key_domain, {transcript}, kx_key);
    Bytes sealed(plain.size() + kAeadTagSize);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data(), nullptr, plain.data(), plain.size(),
                                               transcript.data(), transcript.size(), nullptr,
                                               kZeroNonce.data(), key.data());
    sodium_memzero(key.data(), key.size());
    return sealed;
}

Checked<void> Handshake::open_proof(Domain key_domain, Domain proof_domain, ByteView kx_key,
                                    const Hash& transcript, ByteView sealed) {
    if (sealed.size() < kAeadTagSize) return std::unexpected(Refusal::kMessageSize);
    Hash key = digest<32>(key_domain, {transcript}, kx_key);
    Bytes plain(sealed.size() - kAeadTagSize);
    const int bad = crypto_aead_xchacha20poly1305_ietf_decrypt(
        plain.data(), nullptr, nullptr, sealed.data(), sealed.size(), transcript.data(),
        transcript.size(), kZeroNonce.data(), key.data());
    sodium_memzero(key.data(), key.size());
    if (bad != 0) return std::unexpected(Refusal::kNotAuthentic);

    Reader in(plain);
    const ByteView chain = in.var16();
    Signature proof;
    in.into(proof.bytes);
    const ByteView hello_bytes = in.var16();
    auto session = std::make_unique<Session>();
    if (!in.done() || !decode_hello(hello_bytes, session->hello)) {
        return std::unexpected(Refusal::kMessageMalformed);
    }
    const Credentials& self = *options_.self;
    Checked<PeerIdentity> peer = verify_chain(self.trust, options_.now, chain);
    if (!peer) return std::unexpected(peer.error());
    if (!verify(peer->key, proof_domain, proof_input(transcript, chain, hello_bytes), proof)) {
        return std::unexpected(Refusal::kBadProof);
    }
    if (peer->key == self.key->public_key()) return std::unexpected(Refusal::kSelf);
    if (!options_.expect.empty() && peer->node != options_.expect) {
        return std::unexpected(Refusal::kUnexpectedPeer);
    }
    if (!peer->roles.any_of(options_.accept)) return std::unexpected(Refusal::kRoleMissing);
    session->peer = *std::move(peer);
    session_ = std::move(session);
    return {};
}

void Handshake::complete(ByteView initiator_kx, ByteView responder_kx, bool initiator,
                         const Hash& transcript) {
    const DirectionKeys from_initiator =
        direction_keys(Domain::kTrafficInitiator, initiator_kx, transcript);
    const DirectionKeys from_responder =
        direction_keys(Domain::kTrafficResponder, responder_kx, transcript);
    session_->send = initiator ? from_initiator : from_responder;
    session_->receive = initiator ? from_responder : from_initiator;
    session_->binding = digest<32>(Domain::kChannelBinding, {transcript});
    ephemeral_.reset();
    state_ = State::kDone;
}

Initiator::Initiator(HandshakeOptions options, RandomSource& random)
    : Handshake(std::move(options), random) {}

Bytes Initiator::start() {
    CHECK(m1_.empty(), "a handshake starts once");
    ephemeral_ = std::make_unique<Ephemeral>(random_);
    std::array<std::uint8_t, kNonceSize> nonce;
    random_.fill(nonce);
    Writer out(m1_);
    out.u16(0).u8(kKindM1).u8(1).u8(kVersion).u8(1).u16(kSuite);
    out.fixed(ephemeral_->own).fixed(nonce).fixed(mesh_tag(options_.self->trust)).var16({});
    // The length is under the MAC, so it is settled first.
    m1_.resize(m1_.size() + kMacSize);
    close_frame(m1_);
    m1_.resize(m1_.size() - kMacSize);
    out.fixed(mac1(options_.self->trust, m1_));
    return m1_;
}

Checked<Bytes> Initiator::on_message(ByteView m2) {
    CHECK(ephemeral_ != nullptr, "start() comes before feed()");
    if (m2[kLengthSize] != kKindM2) return std::unexpected(Refusal::kMessageKind);
    if (m2.size() < kM2ClearSize + kAeadTagSize) return std::unexpected(Refusal::kMessageSize);
    Reader in(m2.subspan(kM3ClearSize));
    const bool offered = in.u8() == kVersion && in.u16() == kSuite;
    if (!offered) return std::unexpected(Refusal::kNoCommonVersion);
    if (!ephemeral_->agree_as_initiator(in.fixed(kKeySize))) {
        return std::unexpected(Refusal::kBadEphemeral);
    }
    const Ephemeral& kx = *ephemeral_;
    const ByteView sealed = m2.subspan(kM2ClearSize);
    const Hash first = first_transcript(m1_, m2.first(kM2ClearSize));
    const auto opened = open_proof(Domain::kHandshakeKeyResponder, Domain::kHandshakeResponder,
                                   kx.responder_kx, first, sealed);
    if (!opened) return std::unexpected(opened.error());

    const Hash second = digest<32>(Domain::kTranscriptM2, {first, sealed});
    Bytes m3;
    Writer(m3).u16(0).u8(kKindM3).fixed(seal_proof(
        Domain::kHandshakeKeyInitiator, Domain::kHandshakeInitiator, kx.initiator_kx, second));
    close_frame(m3);
    const Hash third = digest<32>(Domain::kTranscriptM3, {second, m3});
    complete(kx.initiator_kx, kx.responder_kx, true, third);
    return m3;
}

Responder::Responder(HandshakeOptions options, RandomSource& random)
    : Handshake(std::move(options), random) {}

Checked<Bytes> Responder::on_message(ByteView message) {
    return answered_ ? on_m3(message) : on_m1(message);
}

Checked<Bytes> Responder::on_m1(ByteView m1) {
    // Cheapest first: whoever does not know the root key costs one hash.
    if (m1[kLengthSize] != kKindM1) return std::unexpected(Refusal::kMessageKind);
    if (m1.size() < kM3ClearSize + kMacSize) return std::unexpected(Refusal::kMessageSize);
    const ByteView covered = m1.first(m1.size() - kMacSize);
    const auto mac = mac1(options_.self->trust, covered);
    if (sodium_memcmp(mac.data(), m1.data() + covered.size(), kMacSize) != 0) {
        return std::unexpected(Refusal::kStranger);
    }
    Reader in(covered.subspan(kM3ClearSize));
    const ByteView versions = in.var8();
    const std::size_t suite_count = in.u8();
    bool suite_offered = false;
    for (std::size_t i = 0; i < std::min(suite_count, kOffersMax); ++i) {
        suite_offered |= in.u16() == kSuite;
    }
    const ByteView initiator_key = in.fixed(kKeySize);
    in.fixed(kNonceSize);
    const ByteView tag = in.fixed(kMeshTagSize);
    in.var16();  // extensions: none yet; skipped, but part of the transcript
    if (!in.done() || versions.size() > kOffersMax || suite_count > kOffersMax) {
        return std::unexpected(Refusal::kMessageMalformed);
    }
    if (!std::ranges::equal(tag, mesh_tag(options_.self->trust))) {
        return std::unexpected(Refusal::kWrongMesh);
    }
    if (std::ranges::find(versions, kVersion) == versions.end() || !suite_offered) {
        return std::unexpected(Refusal::kNoCommonVersion);
    }
    ephemeral_ = std::make_unique<Ephemeral>(random_);
    if (!ephemeral_->agree_as_responder(initiator_key)) {
        return std::unexpected(Refusal::kBadEphemeral);
    }
    std::array<std::uint8_t, kNonceSize> nonce;
    random_.fill(nonce);
    Bytes m2;
    Writer out(m2);
    out.u16(0).u8(kKindM2).u8(kVersion).u16(kSuite).fixed(ephemeral_->own).fixed(nonce);
    // The transcript's clear part holds the length, which the sealed part decides.
    const std::size_t sealed_size = 2 + options_.self->chain.size() + 64 + 2 +
                                    encode_hello(options_.hello).size() + kAeadTagSize;
    m2.resize(kM2ClearSize + sealed_size);
    close_frame(m2);
    m2.resize(kM2ClearSize);
    const Hash first = first_transcript(m1, m2);
    const Bytes sealed = seal_proof(Domain::kHandshakeKeyResponder, Domain::kHandshakeResponder,
                                    ephemeral_->responder_kx, first);
    CHECK(sealed.size() == sealed_size);
    out.fixed(sealed);
    transcript_ = digest<32>(Domain::kTranscriptM2, {first, sealed});
    answered_ = true;
    return m2;
}

Checked<Bytes> Responder::on_m3(ByteView m3) {
    if (m3[kLengthSize] != kKindM3) return std::unexpected(Refusal::kMessageKind);
    const Ephemeral& kx = *ephemeral_;
    const auto opened = open_proof(Domain::kHandshakeKeyInitiator, Domain::kHandshakeInitiator,
                                   kx.initiator_kx, transcript_, m3.subspan(kM3ClearSize));
    if (!opened) return std::unexpected(opened.error());
    const Hash third = digest<32>(Domain::kTranscriptM3, {transcript_, m3});
    complete(kx.initiator_kx, kx.responder_kx, false, third);
    return Bytes{};
}

}  // namespace vidai::mesh::seal
