// SPDX-License-Identifier: Apache-2.0
// A strict pull reader of one JSON text (RFC 8259) that never copies, builds nothing, and knows
// where in the bytes it stands. Dialects splice into bodies byte for byte, so they need offsets;
// they answer for what they let through, so skipped values must be checked as well as read ones.
// simdjson offers one or the other: its DOM checks all and has no offsets, On-Demand has offsets
// and does not check what it skips, and both first index the text, at four bytes and more for each
// byte of it: a large body would be paid for five times in memory. bench/micro/dialect_bench.cc
// has the times.
//
// The first mistake sticks: every later call returns false, problem() and offset() say what and
// where. Encoding is not checked here: see is_utf8 in text.h. Pure; one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vidai::node::dialect::json {

enum class Kind : std::uint8_t { kObject, kArray, kString, kNumber, kTrue, kFalse, kNull, kNone };

// What a value that begins with this byte is.
inline constexpr std::array<Kind, 256> kKindOf = [] {
    std::array<Kind, 256> kinds{};
    kinds.fill(Kind::kNone);
    kinds['{'] = Kind::kObject;
    kinds['['] = Kind::kArray;
    kinds['"'] = Kind::kString;
    kinds['t'] = Kind::kTrue;
    kinds['f'] = Kind::kFalse;
    kinds['n'] = Kind::kNull;
    kinds['-'] = Kind::kNumber;
    for (unsigned digit = '0'; digit <= '9'; ++digit) kinds[digit] = Kind::kNumber;
    return kinds;
}();

// Containers within containers, the outermost included.
inline constexpr int kDepthMax = 128;

class Scanner {
  public:
    // `text` must outlive the scanner and every view it gives.
    explicit Scanner(std::string_view text)
        : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {}
    // Goes on inside the outermost object, at a member's value that begins at `offset`: for a text
    // whose bytes before that have been scanned already.
    static Scanner within_object(std::string_view text, std::size_t offset);

    // What begins here, white space passed over; kNone at the end and before anything else.
    Kind peek() {
        at_ = after_space(at_);
        return at_ == end_ ? Kind::kNone : kKindOf[static_cast<unsigned char>(*at_)];
    }

    // if (in.begin_object()) while (in.next_member(key)) { read or skip one value }
    // `key` is raw: quotes off, escapes still in it. Ends after the closing bracket.
    bool begin_object();
    bool next_member(std::string_view& key);
    bool begin_array();
    bool next_element();

    // Each reads one value of that kind; `raw` is as in the text, a string's quotes off.
    bool read_string(std::string_view& raw);
    bool read_number(std::string_view& raw);
    // Reads and checks any one value.
    bool skip();
    // True when the text ends here, white space aside, with nothing wrong before.
    bool finish();

    // Bytes before the next unread byte, or before the mistake.
    std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }
    bool failed() const { return problem_ != nullptr; }
    // What was expected, in words that fit "... at byte N"; null when nothing is wrong.
    const char* problem() const { return problem_; }

  private:
    const char* after_space(const char* at) const {
        while (at != end_ && static_cast<unsigned char>(*at) <= ' ' &&
               (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
            ++at;
        }
        return at;
    }
    // after_X(at): past the X that begins at `at`; null after a mistake, which is on record then.
    const char* after_string(const char* at);
    const char* after_long_string(const char* at);
    const char* after_escape(const char* at);
    const char* after_number(const char* at);
    const char* after_digits(const char* at);
    const char* after_literal(const char* at, std::string_view word);
    const char* after_scalar(const char* at);
    const char* after_name(const char* at, std::string_view& name);
    const char* next_item(char bracket, const char* problem);
    bool enter(char bracket, const char* problem);
    std::nullptr_t lose(const char* at, const char* problem);
    bool lost(const char* at, const char* problem) { return lose(at, problem) != nullptr; }

    const char* begin_;
    const char* at_;
    const char* end_;
    const char* problem_ = nullptr;
    int depth_ = 0;
    bool fresh_ = false;  // just inside an opening bracket: no comma is due
};

}  // namespace vidai::node::dialect::json
