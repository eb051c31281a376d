// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/key_secret.h"

#include <utility>

#include <sodium.h>

#include "schema/vocabulary/check.h"

namespace vidai::mesh::state {
namespace {

constexpr std::string_view kAlphanumeric =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kPersonal = "vidai-client-key";
constexpr std::size_t kSecretBytes = 32;

using Hash = std::array<std::uint8_t, crypto_generichash_blake2b_BYTES>;

// Also picks the fast code for this processor, once.
void ready() {
    static const int started = sodium_init();
    CHECK(started >= 0, "libsodium did not start");
}

// The salt goes where BLAKE2 has a place for one, in the parameter block, and not into its key:
// that would cost a second compression, twice the time.
Hash hash_of(const KeyRecord& record, std::string_view key_text) {
    static_assert(sizeof record.salt == crypto_generichash_blake2b_SALTBYTES);
    static_assert(kPersonal.size() == crypto_generichash_blake2b_PERSONALBYTES);
    Hash hash;
    crypto_generichash_blake2b_salt_personal(
        hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(key_text.data()),
        key_text.size(), nullptr, 0, record.salt.data(),
        reinterpret_cast<const unsigned char*>(kPersonal.data()));
    return hash;
}

std::string random_id() {
    std::string id;
    for (std::size_t i = 0; i < kKeyIdChars; ++i) {
        id += kAlphanumeric[randombytes_uniform(static_cast<std::uint32_t>(kAlphanumeric.size()))];
    }
    return id;
}

}  // namespace

std::optional<KeyIdChars> key_id_of(std::string_view text) {
    if (text.size() != kKeyChars || !text.starts_with(kKeyPrefix)) return std::nullopt;
    text.remove_prefix(kKeyPrefix.size());
    if (text[kKeyIdChars] != '-') return std::nullopt;
    return parse_key_id(text.substr(0, kKeyIdChars));
}

bool matches(const KeyRecord& record, std::string_view key_text) {
    ready();
    const Hash hash = hash_of(record, key_text);
    static_assert(sizeof record.hash == sizeof hash);
    return sodium_memcmp(hash.data(), record.hash.data(), hash.size()) == 0;
}

MintedKey make_key(KeyRecord wanted) {
    ready();
    std::array<unsigned char, kSecretBytes> bytes;
    randombytes_buf(bytes.data(), bytes.size());
    std::array<char, kKeySecretChars + 1> secret;
    sodium_bin2base64(secret.data(), secret.size(), bytes.data(), bytes.size(),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    wanted.id = KeyId(random_id());
    std::string text;
    text.reserve(kKeyChars);  // one buffer, so that no copy of the secret is left in another
    text.append(kKeyPrefix).append(wanted.id.str()).append(1, '-').append(secret.data());
    sodium_memzero(bytes.data(), bytes.size());
    sodium_memzero(secret.data(), secret.size());

    randombytes_buf(wanted.salt.data(), wanted.salt.size());
    wanted.hash = hash_of(wanted, text);
    return {Secret(std::move(text)), std::move(wanted)};
}

std::string display_form(const KeyId& id) {
    return std::string(kKeyPrefix) + id.str() + "-...";
}

}  // namespace vidai::mesh::state
