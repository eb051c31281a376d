// SPDX-License-Identifier: Apache-2.0
// A token's text as it comes, and any content behind a checksum that is right.
#include <string>

#include "mesh/seal/token.h"
#include "schema/vocabulary/check.h"

namespace seal = vidai::mesh::seal;

namespace {

std::string base64url(const seal::Bytes& bytes) {
    constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string out;
    std::uint32_t held = 0;
    int bits = 0;
    for (const std::uint8_t byte : bytes) {
        held = held << 8 | byte;
        for (bits += 8; bits >= 6; bits -= 6) out += kDigits[held >> (bits - 6) & 63];
    }
    if (bits > 0) out += kDigits[held << (6 - bits) & 63];
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const seal::ByteView in(data, size);
    (void)seal::decode_token(seal::text_of(in));
    seal::Bytes content(in.begin(), in.end());
    const auto sum = seal::digest<16>(seal::Domain::kJoinToken, {content});
    content.insert(content.end(), sum.begin(), sum.end());
    const std::string text = std::string(seal::kTokenPrefix) + base64url(content);
    const auto token = seal::decode_token(text);
    if (!token) return 0;
    // One token has one text.
    CHECK(seal::encode_token(*token).reveal() == text);
    return 0;
}
