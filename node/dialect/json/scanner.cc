// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/json/scanner.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <bit>
#include <cstring>

namespace vidai::node::dialect::json {

namespace {

constexpr const char* kDeep = "a nesting of at most 128 levels was expected";
constexpr const char* kMemberEnd = "',' or '}' was expected";
constexpr const char* kElementEnd = "',' or ']' was expected";

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_hex(char c) {
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

// What ends the plain run of a string: a quote, a backslash, a control character. With bit 1
// flipped the quote comes to stand right above the control characters, so that one comparison
// finds both.
constexpr unsigned char kFlip = 0x02;
constexpr unsigned char kLastOfBoth = '"' ^ kFlip;
static_assert(kLastOfBoth == 0x20);

bool is_special(char c) {
    return (static_cast<unsigned char>(c) ^ kFlip) <= kLastOfBoth || c == '\\';
}

#ifdef __SSE2__
// One bit for each of the sixteen bytes at `at`, set for a special one.
inline unsigned special_mask(const char* at) {
    __m128i bytes;
    std::memcpy(&bytes, at, sizeof bytes);
    const __m128i flipped = _mm_xor_si128(bytes, _mm_set1_epi8(kFlip));
    const __m128i hits =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')),
                     _mm_cmpeq_epi8(_mm_min_epu8(flipped, _mm_set1_epi8(kLastOfBoth)), flipped));
    return static_cast<unsigned>(_mm_movemask_epi8(hits));
}
#endif

// The first special byte from `at` on; `end` if there is none. Sixteen bytes a step where the
// machine can; eight where it cannot, and near the end.
const char* find_special(const char* at, const char* end) {
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        const unsigned mask = special_mask(at);
        if (mask != 0) return at + std::countr_zero(mask);
    }
#endif
    // Hacker's Delight 6-1: a lane gets its high bit when its byte is wanted; a borrow can mark
    // only lanes above a true one, so the lowest mark is right.
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    for (; std::endian::native == std::endian::little && end - at >= 8; at += 8) {
        std::uint64_t lanes = 0;
        std::memcpy(&lanes, at, sizeof lanes);
        const std::uint64_t flipped = lanes ^ (kOnes * kFlip);
        const std::uint64_t slash = lanes ^ (kOnes * '\\');
        const std::uint64_t hits =
            (((flipped - kOnes * (kLastOfBoth + 1)) & ~flipped) | ((slash - kOnes) & ~slash)) &
            (kOnes * 0x80);
        if (hits != 0) return at + (std::countr_zero(hits) >> 3);
    }
    while (at != end && !is_special(*at)) ++at;
    return at;
}

// Which brackets skip() has open: one bit each, the innermost lowest, set for an object.
class Nesting {
  public:
    bool none() const { return depth_ == 0; }
    int depth() const { return depth_; }
    bool in_object() const { return (bits_ & 1) != 0; }
    void push(bool object) {
        bits_ = bits_ << 1 | static_cast<unsigned>(object);
        ++depth_;
    }
    void pop() {
        bits_ >>= 1;
        --depth_;
    }

  private:
    static_assert(kDepthMax <= 128, "one bit for each level");
    unsigned __int128 bits_ = 0;
    int depth_ = 0;
};

}  // namespace

Scanner Scanner::within_object(std::string_view text, std::size_t offset) {
    Scanner scanner(text);
    scanner.at_ += offset;
    scanner.depth_ = 1;
    return scanner;
}

// Records the first mistake, and leaves nothing to read: every later call fails too.
[[gnu::cold, gnu::noinline]] std::nullptr_t Scanner::lose(const char* at, const char* problem) {
    if (problem_ == nullptr) {
        problem_ = problem;
        at_ = end_ = at;
    }
    return nullptr;
}

// `at` stands at the backslash.
const char* Scanner::after_escape(const char* at) {
    const std::ptrdiff_t left = end_ - at;
    if (left < 2) return lose(at, "the rest of an escape was expected");
    switch (at[1]) {
        case '"':
        case '\\':
        case '/':
        case 'b':
        case 'f':
        case 'n':
        case 'r':
        case 't':
            return at + 2;
        case 'u':
            if (left >= 6 && is_hex(at[2]) && is_hex(at[3]) && is_hex(at[4]) && is_hex(at[5])) {
                return at + 6;
            }
            return lose(at, "four hexadecimal digits after \\u were expected");
        default:
            return lose(at, "an escape that JSON knows was expected");
    }
}

// `at` stands at the opening quote. Most strings are names, and end within sixteen bytes.
inline const char* Scanner::after_string(const char* at) {
    ++at;
#ifdef __SSE2__
    if (end_ - at >= 16) {
        const unsigned mask = special_mask(at);
        if (mask != 0 && at[std::countr_zero(mask)] == '"') return at + std::countr_zero(mask) + 1;
    }
#endif
    return after_long_string(at);
}

// `at` stands behind the opening quote.
const char* Scanner::after_long_string(const char* at) {
    for (;;) {
        at = find_special(at, end_);
        if (at == end_) return lose(at, "the end of a string was expected");
        if (*at == '"') return at + 1;
        if (*at != '\\') return lose(at, "an escape instead of a control character was expected");
        at = after_escape(at);
        if (at == nullptr) return nullptr;
    }
}

const char* Scanner::after_digits(const char* at) {
    if (at == end_ || !is_digit(*at)) return lose(at, "a digit was expected");
    while (at != end_ && is_digit(*at)) ++at;
    return at;
}

// `at` stands at the sign or the first digit. What must not follow (a digit after a leading zero,
// a letter) is left for whoever expects a comma, a bracket or the end.
const char* Scanner::after_number(const char* at) {
    if (*at == '-') ++at;
    at = at != end_ && *at == '0' ? at + 1 : after_digits(at);
    if (at != nullptr && at != end_ && *at == '.') at = after_digits(at + 1);
    if (at != nullptr && at != end_ && (*at | 0x20) == 'e') {
        ++at;
        if (at != end_ && (*at == '+' || *at == '-')) ++at;
        at = after_digits(at);
    }
    return at;
}

const char* Scanner::after_literal(const char* at, std::string_view word) {
    if (std::string_view(at, static_cast<std::size_t>(end_ - at)).starts_with(word)) {
        return at + word.size();
    }
    return lose(at, "true, false or null was expected");
}

// `at` stands at the first byte of a value that is no container.
inline const char* Scanner::after_scalar(const char* at) {
    switch (*at) {
        case '"':
            return after_string(at);
        case 't':
            return after_literal(at, "true");
        case 'f':
            return after_literal(at, "false");
        case 'n':
            return after_literal(at, "null");
        default:
            if (*at == '-' || is_digit(*at)) return after_number(at);
            return lose(at, "a value was expected");
    }
}

// `at` is to stand at the quote of a field name. Ends where its value begins.
inline const char* Scanner::after_name(const char* at, std::string_view& name) {
    if (at == end_ || *at != '"') return lose(at, "a field name in quotes was expected");
    const char* const start = at + 1;
    at = after_string(at);
    if (at == nullptr) return nullptr;
    name = {start, static_cast<std::size_t>(at - 1 - start)};
    if (at != end_ && *at != ':') at = after_space(at);
    if (at == end_ || *at != ':') return lose(at, "':' was expected");
    return after_space(at + 1);
}

bool Scanner::enter(char bracket, const char* problem) {
    const char* const at = after_space(at_);
    if (at == end_ || *at != bracket) return lost(at, problem);
    if (++depth_ > kDepthMax) return lost(at, kDeep);
    at_ = after_space(at + 1);
    fresh_ = true;
    return true;
}

bool Scanner::begin_object() {
    return enter('{', "an object was expected");
}
bool Scanner::begin_array() {
    return enter('[', "an array was expected");
}

// Stands where the next item of the container begins; null at its end and at a mistake.
inline const char* Scanner::next_item(char bracket, const char* problem) {
    const char* at = at_;
    if (at != end_ && *at != ',') at = after_space(at);
    if (at == end_) return lose(at, problem);
    if (*at == ',' && !fresh_) return after_space(at + 1);
    if (*at == bracket) {
        at_ = at + 1;
        --depth_;
        fresh_ = false;
        return nullptr;
    }
    if (!fresh_) return lose(at, problem);
    fresh_ = false;
    return at;
}

bool Scanner::next_member(std::string_view& key) {
    const char* at = next_item('}', kMemberEnd);
    if (at == nullptr) return false;
    at = after_name(at, key);
    if (at == nullptr) return false;
    at_ = at;
    return true;
}

bool Scanner::next_element() {
    const char* const at = next_item(']', kElementEnd);
    if (at == nullptr) return false;
    at_ = at;
    return true;
}

bool Scanner::read_string(std::string_view& raw) {
    const char* const start = after_space(at_);
    if (start == end_ || *start != '"') return lost(start, "a string was expected");
    const char* const at = after_string(start);
    if (at == nullptr) return false;
    raw = {start + 1, static_cast<std::size_t>(at - start - 2)};
    at_ = at;
    return true;
}

bool Scanner::read_number(std::string_view& raw) {
    if (peek() != Kind::kNumber) return lost(at_, "a number was expected");
    const char* const start = at_;
    const char* const at = after_number(start);
    if (at == nullptr) return false;
    raw = {start, static_cast<std::size_t>(at - start)};
    at_ = at;
    return true;
}

// Iterative, so that a hostile text cannot use up the stack.
bool Scanner::skip() {
    Nesting open;
    std::string_view name;
    const char* at = after_space(at_);
    for (;;) {
        if (at == end_) return lost(at, "a value was expected");
        if (*at == '{' || *at == '[') {
            const bool object = *at == '{';
            if (depth_ + open.depth() == kDepthMax) return lost(at, kDeep);
            open.push(object);
            at = after_space(at + 1);
            if (at == end_ || *at != (object ? '}' : ']')) {
                if (object && (at = after_name(at, name)) == nullptr) return false;
                continue;
            }
        } else {
            at = after_scalar(at);
            if (at == nullptr) return false;
        }
        // A value has ended, or an empty container is about to: pass the brackets that close here.
        for (;;) {
            if (open.none()) {
                at_ = at;
                return true;
            }
            const bool object = open.in_object();
            at = after_space(at);
            if (at == end_ || (*at != ',' && *at != (object ? '}' : ']'))) {
                return lost(at, object ? kMemberEnd : kElementEnd);
            }
            if (*at++ == ',') {
                at = after_space(at);
                if (object && (at = after_name(at, name)) == nullptr) return false;
                break;
            }
            open.pop();
        }
    }
}

bool Scanner::finish() {
    const char* const at = after_space(at_);
    if (at != end_) return lost(at, "the end was expected");
    if (depth_ != 0) return lost(at, "a closing bracket was expected");
    return problem_ == nullptr;
}

}  // namespace vidai::node::dialect::json
