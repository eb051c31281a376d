// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/handshake.h"

#include <algorithm>
#include <utility>

#include <sodium/utils.h>

#include "mesh/seal/proof.h"
#include "schema/base/mutant.h"
#include "schema/vocabulary/check.h"

namespace vidai::mesh::seal {
namespace {

constexpr std::uint8_t kKindM1 = 1, kKindM2 = 2, kKindM3 = 3, kKindRoots = 4;
constexpr std::uint8_t kVersion = 1;
// X25519, ed25519, BLAKE2b, XChaCha20-Poly1305: the only suite so far.
constexpr std::uint16_t kSuite = 1;
constexpr std::size_t kOffersMax = 8;
constexpr std::size_t kLengthSize = 2;
constexpr std::size_t kHeadSize = kLengthSize + 1;  // and the kind
constexpr std::size_t kNonceSize = 32;
constexpr std::size_t kMeshTagSize = 16;
constexpr std::size_t kMacSize = 16;
constexpr std::size_t kM2ClearSize = kHeadSize + 1 + 2 + kKeySize + kNonceSize;

// The length prefix is part of what is authenticated, so it is set before the rest is computed.
void set_length(Bytes& message, std::size_t whole_size) {
    CHECK(whole_size <= kHandshakeMessageMax);
    message[0] = static_cast<std::uint8_t>((whole_size - kLengthSize) >> 8);
    message[1] = static_cast<std::uint8_t>(whole_size - kLengthSize);
}

std::array<std::uint8_t, kNonceSize> draw_nonce(RandomSource& random) {
    std::array<std::uint8_t, kNonceSize> nonce;
    random.fill(nonce);
    if (VIDAI_MUTANT("ephemeral-repeated")) nonce.fill(7);
    return nonce;
}

Hash transcript_before_m2(const Trust& trust, ByteView m1, ByteView m2_clear) {
    return digest<32>(Domain::kTranscriptM2Clear,
                      {trust.mesh.bytes, trust.root.bytes, m1, m2_clear});
}

bool knows_root(const Trust& trust, ByteView m1) {
    const ByteView covered = m1.first(m1.size() - kMacSize);
    return sodium_memcmp(mac1(trust, covered).data(), m1.data() + covered.size(), kMacSize) == 0;
}

// The root that an M1 goes by. Cheapest first: whoever knows none costs two short hashes for each.
Checked<PublicKey> root_of(const HandshakeOptions& self, const Trust& newest, ByteView m1) {
    if (m1[kLengthSize] != kKindM1) return std::unexpected(Refusal::kMessageKind);
    if (m1.size() < kHeadSize + kMacSize) return std::unexpected(Refusal::kMessageSize);
    if (knows_root(newest, m1)) return newest.root;
    if (self.roots != nullptr && self.roots->size() > 1) {
        for (const PublicKey& root : self.roots->all()) {
            if (knows_root({newest.mesh, root}, m1)) return root;
        }
    }
    return std::unexpected(Refusal::kStranger);
}

// The initiator's key in an M1 that we can answer, whose mac1 was found to be right.
Checked<ByteView> read_m1(const Trust& trust, ByteView m1) {
    Reader in(m1.first(m1.size() - kMacSize).subspan(kHeadSize));
    const ByteView versions = in.var8();
    const std::size_t suites = in.u8();
    bool suite_offered = false;
    for (std::size_t i = 0; i < std::min(suites, kOffersMax); ++i) {
        suite_offered |= in.u16() == kSuite;
    }
    const ByteView initiator_key = in.fixed(kKeySize);
    in.fixed(kNonceSize);
    const ByteView tag = in.fixed(kMeshTagSize);
    in.var16();  // extensions: none yet; skipped, but part of the transcript
    if (!in.done() || versions.size() > kOffersMax || suites > kOffersMax) {
        return std::unexpected(Refusal::kMessageMalformed);
    }
    if (!std::ranges::equal(tag, mesh_tag(trust))) return std::unexpected(Refusal::kWrongMesh);
    if (std::ranges::find(versions, kVersion) == versions.end() || !suite_offered) {
        return std::unexpected(Refusal::kNoCommonVersion);
    }
    return initiator_key;
}

}  // namespace

Handshake::Handshake(HandshakeOptions options, RandomSource& random)
    : options_(std::move(options)), random_(random) {
    CHECK(options_.self != nullptr && options_.self->key != nullptr);
    trust_ = options_.roots != nullptr ? options_.roots->newest() : options_.self->trust;
    CHECK(options_.self->chain.size() <= kChainBytesMax && is_valid(options_.hello));
}

Handshake::~Handshake() = default;

Refusal Handshake::refusal() const {
    CHECK(state_ == State::kRefused);
    return refusal_;
}

Session Handshake::take_session() {
    CHECK(state_ == State::kDone && session_ != nullptr);
    const std::unique_ptr<Session> session = std::move(session_);
    return std::move(*session);
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
        agreement_.reset();
        progress.send.clear();
    };
    while (state_ == State::kOngoing) {
        if (held_ < kLengthSize && !take_up_to(kLengthSize)) break;
        const std::size_t size =
            kLengthSize + (static_cast<std::size_t>(pending_[0]) << 8 | pending_[1]);
        if (size > kHandshakeMessageMax || size < kHeadSize) {
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
        if (!parting_) continue;
        Bytes last = std::move(progress.send);
        refuse(*parting_);
        progress.send = std::move(last);
    }
    progress.state = state_;
    return progress;
}

void Handshake::complete(bool as_initiator, Proven peer, const Hash& transcript) {
    const Side self = as_initiator ? Side::kInitiator : Side::kResponder;
    const Side other = as_initiator ? Side::kResponder : Side::kInitiator;
    session_ = std::make_unique<Session>();
    session_->send = traffic_keys(self, *agreement_, transcript);
    session_->receive = traffic_keys(other, *agreement_, transcript);
    session_->binding = digest<32>(Domain::kChannelBinding, {transcript});
    session_->peer = std::move(peer.peer);
    session_->hello = std::move(peer.hello);
    agreement_.reset();
    state_ = State::kDone;
}

Initiator::Initiator(HandshakeOptions options, RandomSource& random)
    : Handshake(std::move(options), random) {}

Bytes Initiator::start() {
    CHECK(m1_.empty(), "a handshake starts once");
    const Trust& trust = trust_;
    agreement_ = std::make_unique<KeyAgreement>(random_);
    Writer out(m1_);
    out.u16(0).u8(kKindM1).u8(1).u8(kVersion).u8(1).u16(kSuite);
    out.fixed(agreement_->public_key()).fixed(draw_nonce(random_)).fixed(mesh_tag(trust));
    out.var16({});  // extensions
    set_length(m1_, m1_.size() + kMacSize);
    out.fixed(mac1(trust, m1_));
    return m1_;
}

Checked<Bytes> Initiator::on_message(ByteView m2) {
    CHECK(agreement_ != nullptr, "start() comes before feed()");
    if (m2[kLengthSize] == kKindRoots) {
        told_.assign(m2.begin() + kHeadSize, m2.end());
        return std::unexpected(Refusal::kRootRolled);
    }
    if (m2[kLengthSize] != kKindM2) return std::unexpected(Refusal::kMessageKind);
    if (m2.size() < kM2ClearSize + kAeadTagSize) return std::unexpected(Refusal::kMessageSize);
    Reader in(m2.subspan(kHeadSize));
    const bool version_offered = in.u8() == kVersion;
    const bool suite_offered = in.u16() == kSuite;
    if (!version_offered || !suite_offered) return std::unexpected(Refusal::kNoCommonVersion);
    if (!agreement_->agree(Side::kInitiator, in.fixed(kKeySize))) {
        return std::unexpected(Refusal::kBadEphemeral);
    }
    const ByteView sealed = m2.subspan(kM2ClearSize);
    const Hash first = transcript_before_m2(trust_, m1_, m2.first(kM2ClearSize));
    Checked<Proven> peer = open_proof(options_, Side::kResponder, *agreement_, first, sealed);
    if (!peer) return std::unexpected(peer.error());

    const Hash second = digest<32>(Domain::kTranscriptM2, {first, sealed});
    Bytes m3;
    Writer(m3).u16(0).u8(kKindM3).fixed(
        seal_proof(options_, Side::kInitiator, *agreement_, second));
    set_length(m3, m3.size());
    complete(true, *std::move(peer), digest<32>(Domain::kTranscriptM3, {second, m3}));
    return m3;
}

Responder::Responder(HandshakeOptions options, RandomSource& random)
    : Handshake(std::move(options), random) {}

Checked<Bytes> Responder::on_message(ByteView message) {
    return answered_ ? on_m3(message) : on_m1(message);
}

Checked<Bytes> Responder::on_m1(ByteView m1) {
    const Checked<PublicKey> root = root_of(options_, trust_, m1);
    if (!root) return std::unexpected(root.error());
    if (*root != trust_.root) return tell_roots(*root);
    const Trust& trust = trust_;
    const Checked<ByteView> initiator_key = read_m1(trust, m1);
    if (!initiator_key) return std::unexpected(initiator_key.error());
    agreement_ = std::make_unique<KeyAgreement>(random_);
    if (!agreement_->agree(Side::kResponder, *initiator_key)) {
        return std::unexpected(Refusal::kBadEphemeral);
    }
    Bytes m2;
    Writer out(m2);
    out.u16(0).u8(kKindM2).u8(kVersion).u16(kSuite);
    out.fixed(agreement_->public_key()).fixed(draw_nonce(random_));
    set_length(m2, kM2ClearSize + sealed_proof_size(options_));
    const Hash first = transcript_before_m2(trust, m1, m2);
    const Bytes sealed = seal_proof(options_, Side::kResponder, *agreement_, first);
    CHECK(sealed.size() == sealed_proof_size(options_));
    out.fixed(sealed);
    transcript_ = digest<32>(Domain::kTranscriptM2, {first, sealed});
    answered_ = true;
    return m2;
}

// Public, and its own proof: nothing of it is secret, and the initiator verifies it.
Bytes Responder::tell_roots(const PublicKey& root) {
    Bytes out;
    Writer(out)
        .u16(0)
        .u8(kKindRoots)
        .fixed(options_.roots->evidence_from(root, kHandshakeMessageMax - kHeadSize));
    set_length(out, out.size());
    refuse_after_answer(Refusal::kRootRolled);
    return out;
}

Checked<Bytes> Responder::on_m3(ByteView m3) {
    if (m3[kLengthSize] != kKindM3) return std::unexpected(Refusal::kMessageKind);
    Checked<Proven> peer =
        open_proof(options_, Side::kInitiator, *agreement_, transcript_, m3.subspan(kHeadSize));
    if (!peer) return std::unexpected(peer.error());
    complete(false, *std::move(peer), digest<32>(Domain::kTranscriptM3, {transcript_, m3}));
    return Bytes{};
}

}  // namespace vidai::mesh::seal
