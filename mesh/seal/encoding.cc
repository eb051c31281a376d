// SPDX-License-Identifier: Apache-2.0
#include "mesh/seal/encoding.h"

#include "schema/vocabulary/check.h"

namespace vidai::mesh::seal {

std::string to_hex(ByteView bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    out.reserve(2 * bytes.size());
    for (const std::uint8_t byte : bytes) {
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
    return out;
}

void Writer::number(std::uint64_t value, int size) {
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) {
        out_.push_back(static_cast<std::uint8_t>(value >> shift));
    }
}

Writer& Writer::u8(std::uint8_t value) {
    number(value, 1);
    return *this;
}
Writer& Writer::u16(std::uint16_t value) {
    number(value, 2);
    return *this;
}
Writer& Writer::u32(std::uint32_t value) {
    number(value, 4);
    return *this;
}
Writer& Writer::u64(std::uint64_t value) {
    number(value, 8);
    return *this;
}
Writer& Writer::fixed(ByteView bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
}
Writer& Writer::var8(ByteView bytes) {
    CHECK(bytes.size() <= 0xff);
    return u8(static_cast<std::uint8_t>(bytes.size())).fixed(bytes);
}
Writer& Writer::var16(ByteView bytes) {
    CHECK(bytes.size() <= 0xffff);
    return u16(static_cast<std::uint16_t>(bytes.size())).fixed(bytes);
}

ByteView Reader::fixed(std::size_t size) {
    if (!ok_ || size > in_.size()) {
        ok_ = false;
        in_ = {};
        return {};
    }
    const ByteView out = in_.first(size);
    in_ = in_.subspan(size);
    return out;
}

std::uint64_t Reader::number(std::size_t size) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : fixed(size)) value = value << 8 | byte;
    return value;
}

}  // namespace vidai::mesh::seal
