// SPDX-License-Identifier: Apache-2.0
#include "mesh/membership/profile.h"

#include <algorithm>

namespace vidai::mesh::membership {
namespace {

bool printable(char c) {
    return c > ' ' && c < 0x7f;
}

// Takes a u8 length and as many bytes off the front.
bool take(std::string_view& from, std::size_t most, std::string_view& out) {
    if (from.empty()) return false;
    const std::size_t size = static_cast<std::uint8_t>(from.front());
    if (size > most || from.size() < 1 + size) return false;
    out = from.substr(1, size);
    from.remove_prefix(1 + size);
    return true;
}

}  // namespace

std::string encode_profile(const Profile& profile) {
    std::string software = profile.software.substr(0, kSoftwareBytesMax);
    std::ranges::replace_if(software, [](char c) { return !printable(c); }, '?');
    std::string bits;
    for (std::uint64_t left = profile.capabilities; left != 0; left >>= 8) {
        bits.push_back(static_cast<char>(left & 0xff));
    }
    std::string out;
    out.push_back(static_cast<char>(software.size()));
    out += software;
    out.push_back(static_cast<char>(bits.size()));
    out += bits;
    return out;
}

std::optional<Profile> decode_profile(std::string_view bytes) {
    if (bytes.empty()) return Profile{};
    std::string_view software, bits;
    const bool whole = bytes.size() <= kProfileBytesMax &&
                       take(bytes, kSoftwareBytesMax, software) &&
                       take(bytes, kCapabilityBytesMax, bits);
    if (!whole || !std::ranges::all_of(software, printable)) return std::nullopt;
    Profile profile{std::string(software), 0};
    for (std::size_t i = 0; i < std::min<std::size_t>(bits.size(), 8); ++i) {
        profile.capabilities |= std::uint64_t{static_cast<std::uint8_t>(bits[i])} << (8 * i);
    }
    return profile;
}

}  // namespace vidai::mesh::membership
