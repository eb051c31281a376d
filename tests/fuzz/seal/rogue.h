// SPDX-License-Identifier: Apache-2.0
// The strongest attacker short of a certificate: one who knows mesh.pub. It can pass mac1 and seal
// anything it likes for the other side to parse, which is what the handshake's fuzz targets do.
#pragma once

#include <algorithm>
#include <array>
#include <memory>

#include <sodium/crypto_aead_xchacha20poly1305.h>
#include <sodium/crypto_kx.h>

#include "mesh/seal/handshake.h"
#include "schema/vocabulary/check.h"
#include "tests/mesh/seal/support.h"

namespace vidai::mesh::seal::fuzz {

using testing::kNow;
using testing::options_for;
using testing::SeededRandom;
using testing::World;

inline constexpr std::size_t kM2Clear = 70;

// One mesh for all runs: the same keys, so that a corpus stays valid.
struct Fixture {
    World world{2024};
    std::shared_ptr<const Credentials> us = world.node("vidai-0");
    std::shared_ptr<const Credentials> them = world.node("vidai-1");
    HandshakeOptions options() const { return options_for(us); }
};
inline Fixture& fixture() {
    static Fixture fixture;
    return fixture;
}

inline void set_length(Bytes& message) {
    message[0] = static_cast<std::uint8_t>((message.size() - 2) >> 8);
    message[1] = static_cast<std::uint8_t>(message.size() - 2);
}

inline void append_mac1(Bytes& m1, const Trust& trust) {
    m1.resize(m1.size() + 16);
    set_length(m1);
    m1.resize(m1.size() - 16);
    const auto key = digest<32>(Domain::kMac1Key, {trust.root.bytes});
    const auto mac = digest<16>(Domain::kMac1, {m1}, key);
    m1.insert(m1.end(), mac.begin(), mac.end());
}

// A key pair of the rogue's own, the same in every run.
struct RogueKeys {
    std::array<std::uint8_t, 32> secret, own, receive, send;
    RogueKeys() {
        const std::array<std::uint8_t, 32> seed{7};
        crypto_kx_seed_keypair(own.data(), secret.data(), seed.data());
    }
    void as_client(ByteView server) {
        CHECK(crypto_kx_client_session_keys(receive.data(), send.data(), own.data(), secret.data(),
                                            server.data()) == 0);
    }
    void as_server(ByteView client) {
        CHECK(crypto_kx_server_session_keys(receive.data(), send.data(), own.data(), secret.data(),
                                            client.data()) == 0);
    }
    Bytes seal(Domain domain, const std::array<std::uint8_t, 32>& transcript, ByteView plain) {
        const auto key = digest<32>(domain, {transcript}, send);
        const std::array<std::uint8_t, 24> nonce{};
        Bytes out(plain.size() + 16);
        crypto_aead_xchacha20poly1305_ietf_encrypt(out.data(), nullptr, plain.data(), plain.size(),
                                                   transcript.data(), transcript.size(), nullptr,
                                                   nonce.data(), key.data());
        return out;
    }
};

// What a sealed part may hold so that the message stays within its bound.
inline ByteView sealable(ByteView plain) {
    return plain.first(std::min<std::size_t>(plain.size(), kHandshakeMessageMax - kM2Clear - 16));
}

// The M2 that answers `m1` with `plain` inside.
inline Bytes rogue_m2(ByteView m1, ByteView plain) {
    const Trust& trust = fixture().world.root.trust;
    RogueKeys keys;
    keys.as_server(m1.subspan(8, 32));
    Bytes m2;
    Writer(m2).u16(0).u8(2).u8(1).u16(1).fixed(keys.own).fixed(std::array<std::uint8_t, 32>{});
    m2.resize(kM2Clear + plain.size() + 16);
    set_length(m2);
    m2.resize(kM2Clear);
    const auto transcript =
        digest<32>(Domain::kTranscriptM2Clear, {trust.mesh.bytes, trust.root.bytes, m1, m2});
    Writer(m2).fixed(keys.seal(Domain::kHandshakeKeyResponder, transcript, plain));
    return m2;
}

inline Bytes rogue_m1(const RogueKeys& keys) {
    const Trust& trust = fixture().world.root.trust;
    Bytes m1;
    Writer(m1).u16(0).u8(1).u8(1).u8(1).u8(1).u16(1).fixed(keys.own);
    Writer(m1).fixed(std::array<std::uint8_t, 32>{});
    Writer(m1).fixed(digest<16>(Domain::kMeshTag, {trust.mesh.bytes})).var16({});
    append_mac1(m1, trust);
    return m1;
}

// The M3 that follows `m1` of rogue_m1() and the `m2` that it was given.
inline Bytes rogue_m3(RogueKeys& keys, ByteView m1, ByteView m2, ByteView plain) {
    const Trust& trust = fixture().world.root.trust;
    keys.as_client(m2.subspan(6, 32));
    const auto first = digest<32>(Domain::kTranscriptM2Clear,
                                  {trust.mesh.bytes, trust.root.bytes, m1, m2.first(kM2Clear)});
    const auto second = digest<32>(Domain::kTranscriptM2, {first, m2.subspan(kM2Clear)});
    Bytes m3;
    Writer(m3).u16(0).u8(3).fixed(keys.seal(Domain::kHandshakeKeyInitiator, second, plain));
    set_length(m3);
    return m3;
}

// Whatever a rogue sends, it never becomes a peer and is told nothing.
inline void expect_no_entry(Handshake& handshake, ByteView bytes) {
    const auto progress = handshake.feed(bytes);
    CHECK(progress.state != Handshake::State::kDone);
    CHECK(progress.send.empty());
}

}  // namespace vidai::mesh::seal::fuzz
