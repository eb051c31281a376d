// SPDX-License-Identifier: Apache-2.0
// What a member says of its program: name of the build and capabilities. In a claim it is bytes
// that everybody keeps, signs and relays as they came, so that a newer program may say more without
// changing what the ones before it verify. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vidai::mesh::membership {

// The first wire version whose speakers keep and relay profiles; those before it drop them.
inline constexpr std::uint16_t kProfileWire = 2;

inline constexpr std::size_t kProfileBytesMax = 160;
inline constexpr std::size_t kSoftwareBytesMax = 64;
inline constexpr std::size_t kCapabilityBytesMax = 32;

struct Profile {
    std::string software;            // printable ASCII; empty: unknown
    std::uint64_t capabilities = 0;  // the first 64 bits: mesh/capabilities.h names them
    friend bool operator==(const Profile&, const Profile&) = default;
};

// u8 length and software, u8 length and capabilities, bit i being bit i % 8 of byte i / 8; what
// follows is of newer programs. A software name that is too long is cut, bytes that may not be
// in it become '?'.
std::string encode_profile(const Profile& profile);
// Nothing when it is malformed. An empty one is of a program that does not say.
std::optional<Profile> decode_profile(std::string_view bytes);

}  // namespace vidai::mesh::membership
