// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/json/scanner.h"

#include <bit>
#include <cstring>

namespace vidai::node::dialect::json {

namespace {

constexpr const char* kDeep = "a nesting of at most 128 levels was expected";

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_hex(char c) {
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

// The first byte from `at` that does not simply belong to a string: a quote, a backslash or a
// control character; `end` if there is none. Eight bytes a step (Hacker's Delight, 6-1): a lane
// gets its high bit when its byte is wanted; borrows can mark only lanes above a true one.
const char* string_special(const char* at, const char* end) {
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    constexpr std::uint64_t kHigh = kOnes * 0x80;
    if constexpr (std::endian::native == std::endian::little) {
        while (end - at >= 8) {
            std::uint64_t lanes = 0;
            std::memcpy(&lanes, at, sizeof lanes);
            const std::uint64_t quote = lanes ^ (kOnes * '"');
            const std::uint64_t slash = lanes ^ (kOnes * '\\');
            const std::uint64_t hits = (((quote - kOnes) & ~quote) | ((slash - kOnes) & ~slash) |
                                        ((lanes - kOnes * 0x20) & ~lanes)) &
                                       kHigh;
            if (hits != 0) return at + (std::countr_zero(hits) >> 3);
            at += 8;
        }
    }
    while (at != end && *at != '"' && *at != '\\' && static_cast<unsigned char>(*at) >= 0x20) ++at;
    return at;
}

}  // namespace

// Which brackets skip() has open: one bit each, the innermost lowest, set for an object.
class Scanner::Nesting {
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

Scanner Scanner::within_object(std::string_view text, std::size_t offset) {
    Scanner scanner(text);
    scanner.at_ += offset;
    scanner.depth_ = 1;
    return scanner;
}

bool Scanner::fail(const char* problem) {
    if (problem_ == nullptr) problem_ = problem;
    end_ = at_;  // nothing is left to read: every later call fails too
    return false;
}

inline void Scanner::pass_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
}

inline bool Scanner::pass(char wanted, const char* problem) {
    pass_space();
    if (at_ == end_ || *at_ != wanted) return fail(problem);
    ++at_;
    return true;
}

bool Scanner::open(char bracket, const char* problem) {
    if (!pass(bracket, problem)) return false;
    if (++depth_ > kDepthMax) return fail(kDeep);
    fresh_ = true;
    return true;
}

// Whether the innermost container ends here.
bool Scanner::close(char bracket) {
    pass_space();
    if (at_ == end_ || *at_ != bracket) return false;
    ++at_;
    --depth_;
    fresh_ = false;
    return true;
}

bool Scanner::begin_object() {
    return open('{', "an object was expected");
}
bool Scanner::begin_array() {
    return open('[', "an array was expected");
}

bool Scanner::next_member(std::string_view& key) {
    if (failed() || close('}')) return false;
    if (!fresh_ && !pass(',', "',' or '}' was expected")) return false;
    fresh_ = false;
    pass_space();
    const char* const start = at_;
    if (!pass_key()) return false;
    // pass_key ends after the colon; the key's own quote is the last before it.
    const char* quote = at_ - 1;
    while (*quote != '"') --quote;
    key = {start + 1, static_cast<std::size_t>(quote - start - 1)};
    return true;
}

bool Scanner::next_element() {
    if (failed() || close(']')) return false;
    if (!fresh_ && !pass(',', "',' or ']' was expected")) return false;
    fresh_ = false;
    return true;
}

Kind Scanner::peek() {
    pass_space();
    if (at_ == end_) return Kind::kNone;
    switch (*at_) {
        case '{':
            return Kind::kObject;
        case '[':
            return Kind::kArray;
        case '"':
            return Kind::kString;
        case 't':
            return Kind::kTrue;
        case 'f':
            return Kind::kFalse;
        case 'n':
            return Kind::kNull;
        default:
            return *at_ == '-' || is_digit(*at_) ? Kind::kNumber : Kind::kNone;
    }
}

bool Scanner::pass_escape() {
    const std::ptrdiff_t left = end_ - at_;
    if (left < 2) return fail("the rest of an escape was expected");
    switch (at_[1]) {
        case '"':
        case '\\':
        case '/':
        case 'b':
        case 'f':
        case 'n':
        case 'r':
        case 't':
            at_ += 2;
            return true;
        case 'u':
            if (left < 6 || !is_hex(at_[2]) || !is_hex(at_[3]) || !is_hex(at_[4]) ||
                !is_hex(at_[5])) {
                return fail("four hexadecimal digits after \\u were expected");
            }
            at_ += 6;
            return true;
        default:
            return fail("an escape that JSON knows was expected");
    }
}

// Stands at the opening quote; ends after the closing one.
bool Scanner::pass_string() {
    ++at_;
    for (;;) {
        at_ = string_special(at_, end_);
        if (at_ == end_) return fail("the end of a string was expected");
        if (*at_ == '"') {
            ++at_;
            return true;
        }
        if (*at_ != '\\') return fail("control characters in a string must be escaped;");
        if (!pass_escape()) return false;
    }
}

bool Scanner::pass_digits() {
    if (at_ == end_ || !is_digit(*at_)) return fail("a digit was expected");
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return true;
}

// What must not follow (a digit after a leading zero, a letter) is left for whoever expects a
// comma, a bracket or the end.
bool Scanner::pass_number() {
    if (*at_ == '-') ++at_;
    if (at_ != end_ && *at_ == '0') {
        ++at_;
    } else if (!pass_digits()) {
        return false;
    }
    if (at_ != end_ && *at_ == '.') {
        ++at_;
        if (!pass_digits()) return false;
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
        ++at_;
        if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
        return pass_digits();
    }
    return true;
}

bool Scanner::pass_literal(std::string_view word) {
    if (static_cast<std::size_t>(end_ - at_) < word.size() ||
        std::memcmp(at_, word.data(), word.size()) != 0) {
        return fail("true, false or null was expected");
    }
    at_ += word.size();
    return true;
}

bool Scanner::pass_key() {
    if (at_ == end_ || *at_ != '"') return fail("a field name in quotes was expected");
    return pass_string() && pass(':', "':' was expected");
}

bool Scanner::pass_scalar() {
    switch (*at_) {
        case '"':
            return pass_string();
        case 't':
            return pass_literal("true");
        case 'f':
            return pass_literal("false");
        case 'n':
            return pass_literal("null");
        default:
            if (*at_ == '-' || is_digit(*at_)) return pass_number();
            return fail("a value was expected");
    }
}

bool Scanner::read_string(std::string_view& raw) {
    if (peek() != Kind::kString) return fail("a string was expected");
    const char* const start = at_ + 1;
    if (!pass_string()) return false;
    raw = {start, static_cast<std::size_t>(at_ - 1 - start)};
    return true;
}

bool Scanner::read_number(std::string_view& raw) {
    if (peek() != Kind::kNumber) return fail("a number was expected");
    const char* const start = at_;
    if (!pass_number()) return false;
    raw = {start, static_cast<std::size_t>(at_ - start)};
    return true;
}

// Stands at '{' or '['. `inside` tells that a value comes next, within the container; false when
// the container was empty and has ended.
bool Scanner::pass_opening(Nesting& open, bool& inside) {
    const bool object = *at_ == '{';
    if (depth_ + open.depth() == kDepthMax) return fail(kDeep);
    ++at_;
    pass_space();
    inside = at_ == end_ || *at_ != (object ? '}' : ']');
    if (!inside) {
        ++at_;
        return true;
    }
    open.push(object);
    return !object || pass_key();
}

// A value has ended: passes closing brackets up to the comma before the next value, or up to the
// end of the outermost one.
bool Scanner::pass_after_value(Nesting& open, bool& ended) {
    for (;;) {
        ended = open.none();
        if (ended) return true;
        pass_space();
        const bool object = open.in_object();
        if (at_ == end_)
            return fail(object ? "',' or '}' was expected" : "',' or ']' was expected");
        if (*at_ == ',') {
            ++at_;
            if (!object) return true;
            pass_space();
            return pass_key();
        }
        if (*at_ != (object ? '}' : ']')) {
            return fail(object ? "',' or '}' was expected" : "',' or ']' was expected");
        }
        ++at_;
        open.pop();
    }
}

// Iterative, so that a hostile text cannot use up the stack.
bool Scanner::skip() {
    Nesting open;
    for (;;) {
        pass_space();
        if (at_ == end_) return fail("a value was expected");
        if (*at_ == '{' || *at_ == '[') {
            bool inside = false;
            if (!pass_opening(open, inside)) return false;
            if (inside) continue;
        } else if (!pass_scalar()) {
            return false;
        }
        bool ended = false;
        if (!pass_after_value(open, ended)) return false;
        if (ended) return true;
    }
}

bool Scanner::finish() {
    if (failed()) return false;
    pass_space();
    return at_ == end_ ? depth_ == 0 || fail("a closing bracket was expected")
                       : fail("the end was expected");
}

}  // namespace vidai::node::dialect::json
