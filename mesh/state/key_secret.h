// SPDX-License-Identifier: Apache-2.0
// The secret side of a client key: minting, hashing and checking "sk-vidai-<12 id>-<43 secret>".
// The secret part is 256 random bits in unpadded base64url, so a salted fast hash is enough; only
// the hash is ever stored or sent: BLAKE2b-256 of the whole text with the record's salt as BLAKE2's
// salt parameter (Aumasson et al. 2013, section 2.5) and "vidai-client-key" as its personalisation.
// libsodium; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mesh/state/key_record.h"
#include "mesh/state/key_table.h"
#include "schema/base/secret.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::state {

inline constexpr std::string_view kKeyPrefix = "sk-vidai-";
inline constexpr std::size_t kKeySecretChars = 43;
inline constexpr std::size_t kKeyChars = kKeyPrefix.size() + kKeyIdChars + 1 + kKeySecretChars;

// The id of a text that has the form of a key; nothing otherwise. What stands in the place of the
// secret is not looked at: the hash decides about it.
std::optional<KeyIdChars> key_id_of(std::string_view key_text);

// Whether the text hashes to this record, in constant time. The same work for any record and any
// text of kKeyChars.
bool matches(const KeyRecord& record, std::string_view key_text);

struct MintedKey {
    Secret text;  // shown once, never stored
    KeyRecord record;
};
// A new key from the system's random source; everything but id, salt and hash as in `wanted`.
MintedKey make_key(KeyRecord wanted);

// What may be shown afterwards: "sk-vidai-<id>-...".
std::string display_form(const KeyId& id);

}  // namespace vidai::mesh::state
