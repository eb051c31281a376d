// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/keys.h"

#include <algorithm>

#include <sodium/core.h>
#include <sodium/crypto_sign_ed25519.h>
#include <sodium/randombytes.h>
#include <sodium/utils.h>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::seal {
namespace {

// Chooses libsodium's fastest code for this machine; safe to repeat and from any thread.
void initialise() {
    static const bool ready = sodium_init() >= 0;
    CHECK(ready, "libsodium cannot start: no source of randomness");
}

class SystemRandom final : public RandomSource {
  public:
    void fill(std::span<std::uint8_t> out) override { randombytes_buf(out.data(), out.size()); }
};

Bytes signed_bytes(Domain domain, ByteView bytes) {
    Bytes message;
    const std::string_view label = domain_label(domain);
    message.reserve(1 + label.size() + bytes.size());
    Writer(message).var8(bytes_of(label)).fixed(bytes);
    return message;
}

}  // namespace

RandomSource& system_random() {
    initialise();
    static SystemRandom random;
    return random;
}

std::string fingerprint(const PublicKey& key) {
    return to_hex(digest<32>(Domain::kFingerprint, {key.bytes})).substr(0, 32);
}

void SecretKey::Free::operator()(std::uint8_t* memory) const {
    sodium_free(memory);  // wipes first
}

SecretKey SecretKey::from_seed(std::span<const std::uint8_t, kSeedSize> seed) {
    initialise();
    SecretKey key;
    key.expanded_.reset(
        static_cast<std::uint8_t*>(sodium_malloc(crypto_sign_ed25519_SECRETKEYBYTES)));
    CHECK(key.expanded_ != nullptr, "out of memory for a secret key");
    crypto_sign_ed25519_seed_keypair(key.public_.bytes.data(), key.expanded_.get(), seed.data());
    sodium_mprotect_readonly(key.expanded_.get());
    return key;
}

SecretKey SecretKey::generate(RandomSource& random) {
    std::array<std::uint8_t, kSeedSize> seed;
    random.fill(seed);
    SecretKey key = from_seed(seed);
    sodium_memzero(seed.data(), seed.size());
    return key;
}

Signature SecretKey::sign(Domain domain, ByteView bytes) const {
    const Bytes message = signed_bytes(domain, bytes);
    Signature out;
    crypto_sign_ed25519_detached(out.bytes.data(), nullptr, message.data(), message.size(),
                                 expanded_.get());
    return out;
}

std::span<const std::uint8_t, SecretKey::kSeedSize> SecretKey::reveal_seed() const {
    return std::span<const std::uint8_t, kSeedSize>(expanded_.get(), kSeedSize);
}

bool verify(const PublicKey& key, Domain domain, ByteView bytes, const Signature& signature) {
    const Bytes message = signed_bytes(domain, bytes);
    return crypto_sign_ed25519_verify_detached(signature.bytes.data(), message.data(),
                                               message.size(), key.bytes.data()) == 0;
}

}  // namespace vidai::mesh::seal
