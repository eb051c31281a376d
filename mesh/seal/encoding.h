// SPDX-License-Identifier: Apache-2.0
// The canonical encoding of everything this folder signs, hashes or sends: big-endian integers,
// fixed fields as they are, variable ones behind their length. One value has one encoding, so a
// decoder that demands the end of the input accepts exactly what an encoder wrote. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vidai::mesh::seal {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::string to_hex(ByteView bytes);

// Appends to a buffer of the caller, which outlives it.
class Writer {
  public:
    explicit Writer(Bytes& out) : out_(out) {}
    Writer& u8(std::uint8_t value);
    Writer& u16(std::uint16_t value);
    Writer& u32(std::uint32_t value);
    Writer& u64(std::uint64_t value);
    Writer& fixed(ByteView bytes);
    Writer& var8(ByteView bytes);   // u8 length, then the bytes; CHECKs size <= 255
    Writer& var16(ByteView bytes);  // u16 length, then the bytes; CHECKs size <= 65535

  private:
    void number(std::uint64_t value, int size);
    Bytes& out_;
};

// Reads a view that outlives it. After the first read beyond the end every read gives zeros or
// nothing and ok() stays false, so that a decoder tests once, at the end.
class Reader {
  public:
    explicit Reader(ByteView in) : in_(in) {}
    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() { return number(8); }
    ByteView fixed(std::size_t size);
    ByteView var8() { return fixed(u8()); }
    ByteView var16() { return fixed(u16()); }
    template <std::size_t N>
    void into(std::array<std::uint8_t, N>& out) {
        const ByteView bytes = fixed(N);
        for (std::size_t i = 0; i < bytes.size(); ++i) out[i] = bytes[i];
    }
    ByteView rest() { return fixed(in_.size()); }
    std::size_t left() const { return in_.size(); }
    bool ok() const { return ok_; }
    bool done() const { return ok_ && in_.empty(); }  // all of it, and nothing left over

  private:
    std::uint64_t number(std::size_t size);
    ByteView in_;
    bool ok_ = true;
};

}  // namespace vidai::mesh::seal
