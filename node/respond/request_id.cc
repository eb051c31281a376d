// SPDX-License-Identifier: Apache-2.0
#include "node/respond/request_id.h"

#include <algorithm>

namespace vidai::node::respond {

namespace {

constexpr std::string_view kPrefix = "req_";
constexpr std::size_t kDigits = 24;

bool is_id_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

}  // namespace

RequestId::RequestId(std::string_view from_client, Rng& rng) {
    if (!from_client.empty() && from_client.size() <= kBytesMax &&
        std::all_of(from_client.begin(), from_client.end(), is_id_char)) {
        std::copy(from_client.begin(), from_client.end(), bytes_.begin());
        size_ = static_cast<std::uint8_t>(from_client.size());
        return;
    }
    auto* at = std::copy(kPrefix.begin(), kPrefix.end(), bytes_.begin());
    std::uint64_t bits = 0;
    for (std::size_t digit = 0; digit < kDigits; ++digit) {
        if (digit % 16 == 0) bits = rng.next();
        *at++ = "0123456789abcdef"[bits & 15];
        bits >>= 4;
    }
    size_ = kPrefix.size() + kDigits;
}

}  // namespace vidai::node::respond
