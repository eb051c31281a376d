// SPDX-License-Identifier: Apache-2.0
#include "node/http/chunked.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "node/http/chars.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::http {
namespace {

constexpr std::uint8_t kDigitsMax = 15;  // 2^60 bytes; no sum of sizes can overflow
constexpr const char* kBadSize =
    "A chunk size is not a plain hexadecimal number of a sane size followed by CRLF.";
constexpr const char* kBadExtension = "A chunk extension is malformed.";
constexpr const char* kBadTrailer = "A trailer field is malformed.";

bool blank(char c) {
    return c == ' ' || c == '\t';
}

unsigned hex_value(char c) {
    return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

// Writes at most 16 digits, returns how many.
std::size_t write_hex(char* at, std::uint64_t value) {
    const auto digits = static_cast<std::size_t>((std::bit_width(value | 1) + 3) / 4);
    for (std::size_t i = digits; i-- > 0; value >>= 4) at[i] = "0123456789abcdef"[value & 15];
    return digits;
}

}  // namespace

BodyProgress ChunkedDecoder::next(std::string_view& bytes, std::string_view& payload) {
    payload = {};
    const char* p = bytes.data();
    const char* const end = p + bytes.size();
    while (p != end && state_ < State::kDone) {
        if (state_ == State::kData) {
            const auto size = static_cast<std::size_t>(
                std::min<std::uint64_t>(left_, static_cast<std::uint64_t>(end - p)));
            payload = {p, size};
            left_ -= size;
            if (left_ == 0) state_ = State::kDataCr;
            bytes.remove_prefix(static_cast<std::size_t>(p - bytes.data()) + size);
            return BodyProgress::kData;
        }
        const char* const problem = step(*p++);
        if (problem != nullptr) {
            error_message_ = problem;
            state_ = State::kError;
        }
    }
    bytes.remove_prefix(static_cast<std::size_t>(p - bytes.data()));
    if (state_ == State::kError) return BodyProgress::kError;
    return state_ == State::kDone ? BodyProgress::kDone : BodyProgress::kNeedMore;
}

const char* ChunkedDecoder::step(char c) {
    switch (state_) {
        case State::kSizeFirst:
        case State::kSize:
            return size_digit(c);
        case State::kSizeLf:
            return expect(c, '\n', left_ == 0 ? State::kTrailerStart : State::kData, kBadSize);
        case State::kDataCr:
            return expect(c, '\r', State::kDataLf, "A chunk is longer than its size says.");
        case State::kDataLf:
            digits_ = 0;
            return expect(c, '\n', State::kSizeFirst, "A chunk is longer than its size says.");
        case State::kTrailerStart:
        case State::kTrailerName:
        case State::kTrailerValue:
        case State::kTrailerLf:
        case State::kLastLf:
            return trailer(c);
        default:
            return extension(c);
    }
}

const char* ChunkedDecoder::expect(char c, char wanted, State then, const char* message) {
    if (c != wanted) return message;
    state_ = then;
    return nullptr;
}

const char* ChunkedDecoder::size_digit(char c) {
    if (is_class(c, kHexChar)) {
        if (digits_ == kDigitsMax) return kBadSize;
        ++digits_;
        left_ = left_ << 4 | hex_value(c);
        state_ = State::kSize;
        return nullptr;
    }
    if (state_ == State::kSizeFirst) return kBadSize;
    if (c == '\r') {
        state_ = State::kSizeLf;
        return nullptr;
    }
    if (c != ';' && !blank(c)) return kBadSize;
    return extension(c);
}

// chunk-ext = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
const char* ChunkedDecoder::extension(char c) {
    if (++extension_bytes_ > kExtensionBytesMax) return "The chunk extensions are too large.";
    const bool token = is_class(c, kTokenChar);
    switch (state_) {
        case State::kExtensionName:
            if (token) state_ = State::kExtensionToken;
            return token || blank(c) ? nullptr : kBadExtension;
        case State::kExtensionToken:
            if (token) return nullptr;
            break;
        case State::kExtensionValue:
            if (c == '"') {
                state_ = State::kQuoted;
            } else if (token) {
                state_ = State::kExtensionValueToken;
            } else if (!blank(c)) {
                return kBadExtension;
            }
            return nullptr;
        case State::kExtensionValueToken:
            if (token) return nullptr;
            break;
        case State::kQuoted:
            if (c == '"') {
                state_ = State::kQuotedEnd;
            } else if (c == '\\') {
                state_ = State::kQuotedEscape;
            }
            return is_class(c, kValueChar) ? nullptr : kBadExtension;
        case State::kQuotedEscape:
            state_ = State::kQuoted;
            return is_class(c, kValueChar) ? nullptr : kBadExtension;
        default:
            break;
    }
    return extension_turn(c);
}

// Behind a size, a name or a value: white space, ';', '=' after a name, or the line's end, which
// white space must not precede.
const char* ChunkedDecoder::extension_turn(char c) {
    const bool named = state_ == State::kExtensionToken || state_ == State::kExtensionEqual;
    const bool spaced = state_ == State::kExtensionNext || state_ == State::kExtensionEqual;
    if (blank(c)) {
        state_ = named ? State::kExtensionEqual : State::kExtensionNext;
    } else if (c == ';') {
        state_ = State::kExtensionName;
    } else if (c == '=' && named) {
        state_ = State::kExtensionValue;
    } else if (c == '\r' && !spaced) {
        state_ = State::kSizeLf;
    } else {
        return kBadExtension;
    }
    return nullptr;
}

// Field lines as in the header section, up to the empty line.
const char* ChunkedDecoder::trailer(char c) {
    if (++trailer_bytes_ > kTrailerBytesMax) return "The trailer section is too large.";
    switch (state_) {
        case State::kTrailerStart:
            if (c == '\r') {
                state_ = State::kLastLf;
                return nullptr;
            }
            state_ = State::kTrailerName;
            return is_class(c, kTokenChar) ? nullptr : kBadTrailer;
        case State::kTrailerName:
            if (c == ':') {
                state_ = State::kTrailerValue;
                return nullptr;
            }
            return is_class(c, kTokenChar) ? nullptr : kBadTrailer;
        case State::kTrailerValue:
            if (c == '\r') {
                state_ = State::kTrailerLf;
                return nullptr;
            }
            return is_class(c, kValueChar) ? nullptr : kBadTrailer;
        case State::kTrailerLf:
            return expect(c, '\n', State::kTrailerStart, kBadTrailer);
        default:
            return expect(c, '\n', State::kDone, kBadTrailer);
    }
}

void append_chunk_head(std::string& out, std::uint64_t size) {
    CHECK(size != 0, "a chunk of size 0 would end the body");
    char head[18];
    const std::size_t digits = write_hex(head, size);
    std::memcpy(head + digits, "\r\n", 2);
    out.append(head, digits + 2);
}

void append_chunk(std::string& out, std::string_view data) {
    append_chunk_head(out, data.size());
    out.append(data);
    out.append(kChunkEnd);
}

}  // namespace vidai::node::http
