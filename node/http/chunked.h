// SPDX-License-Identifier: Apache-2.0
// The chunked transfer coding (RFC 9112 7.1), both ways. Decoding is a state machine over single
// framing bytes and whole spans of data, so any split of the input gives the same payload.
// Extensions are checked and ignored, trailer fields are checked and dropped; both are bounded.
// Pure; one object per message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vidai::node::http {

enum class BodyProgress : std::uint8_t { kData, kNeedMore, kDone, kError };

class ChunkedDecoder {
  public:
    static constexpr std::uint32_t kExtensionBytesMax = 4096;  // of all chunks of one message
    static constexpr std::uint32_t kTrailerBytesMax = 4096;

    // As BodyReader::next.
    BodyProgress next(std::string_view& bytes, std::string_view& payload);
    const char* error_message() const { return error_message_; }  // static storage

  private:
    enum class State : std::uint8_t {
        kSizeFirst,  // the first digit of a chunk size
        kSize,
        kExtensionNext,   // after white space: a ';' must come
        kExtensionName,   // after the ';': white space, then a token
        kExtensionToken,  // in the name
        kExtensionEqual,  // white space after the name: '=' or ';' must come
        kExtensionValue,  // after '=': white space, then a token or '"'
        kExtensionValueToken,
        kQuoted,
        kQuotedEscape,
        kQuotedEnd,
        kSizeLf,
        kData,
        kDataCr,
        kDataLf,
        kTrailerStart,  // at the start of a trailer line
        kTrailerName,
        kTrailerValue,
        kTrailerLf,
        kLastLf,
        kDone,
        kError,
    };
    const char* step(char c);  // one framing byte; nullptr or why it is refused
    const char* size_digit(char c);
    const char* extension(char c);
    const char* extension_turn(char c);
    const char* trailer(char c);
    const char* expect(char c, char wanted, State then, const char* message);

    State state_ = State::kSizeFirst;
    std::uint8_t digits_ = 0;
    std::uint32_t extension_bytes_ = 0;
    std::uint32_t trailer_bytes_ = 0;
    std::uint64_t left_ = 0;  // data bytes of this chunk still to come
    const char* error_message_ = "";
};

// Appends "<hex size>\r\n". `size` must not be 0, which would end the body. After the data comes
// kChunkEnd.
void append_chunk_head(std::string& out, std::uint64_t size);
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
// Head, data and end in one append.
void append_chunk(std::string& out, std::string_view data);

}  // namespace vidai::node::http
