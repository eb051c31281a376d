// SPDX-License-Identifier: Apache-2.0
// ed25519 keys (RFC 8032) as libsodium makes them, signatures that name their purpose, and the
// source of randomness as an argument, so that test vectors replay. Secret keys live in
// sodium_malloc memory: guarded, kept out of core dumps, wiped. Any thread; values.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "mesh/seal/domain.h"
#include "mesh/seal/encoding.h"

namespace vidai::mesh::seal {

class RandomSource {
  public:
    virtual ~RandomSource() = default;
    virtual void fill(std::span<std::uint8_t> out) = 0;
};
// The operating system's, through libsodium. Thread-safe.
RandomSource& system_random();

struct PublicKey {
    std::array<std::uint8_t, 32> bytes{};
    friend auto operator<=>(const PublicKey&, const PublicKey&) = default;
};
struct Signature {
    std::array<std::uint8_t, 64> bytes{};
    friend bool operator==(const Signature&, const Signature&) = default;
};

// What people compare: 32 hex digits, half of a BLAKE2b-256 of the key.
std::string fingerprint(const PublicKey& key);

class SecretKey {
  public:
    static constexpr std::size_t kSeedSize = 32;
    static SecretKey generate(RandomSource& random);
    static SecretKey from_seed(std::span<const std::uint8_t, kSeedSize> seed);

    const PublicKey& public_key() const { return public_; }
    // Signs u8 length of the domain's label, the label, then `bytes`.
    Signature sign(Domain domain, ByteView bytes) const;
    // The 32 bytes that are the key, for the one place that stores it. Lives as long as this.
    std::span<const std::uint8_t, kSeedSize> reveal_seed() const;

  private:
    struct Free {
        void operator()(std::uint8_t* memory) const;
    };
    SecretKey() = default;
    std::unique_ptr<std::uint8_t[], Free> expanded_;  // libsodium's 64 bytes: seed, public key
    PublicKey public_;
};

// Whether `signature` is `key`'s over exactly `bytes` for exactly this purpose. Refuses keys of
// small order and malleable signatures (libsodium's strict verification).
[[nodiscard]] bool verify(const PublicKey& key, Domain domain, ByteView bytes,
                          const Signature& signature);

}  // namespace vidai::mesh::seal
