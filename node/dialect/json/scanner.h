// SPDX-License-Identifier: Apache-2.0
// A strict pull reader of one JSON text (RFC 8259) that never copies, builds nothing, and knows
// where in the bytes it stands. Dialects splice into bodies byte for byte, so they need offsets;
// they answer for what they let through, so skipped values must be checked as well as read ones.
// simdjson offers one or the other: its DOM checks all and has no offsets, On-Demand has offsets
// and does not check what it skips (bench/micro/dialect_bench.cc has the numbers).
//
// The first mistake sticks: every later call returns false, problem() and offset() say what and
// where. Encoding is not checked here: see is_utf8 in text.h. Pure; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vidai::node::dialect::json {

enum class Kind : std::uint8_t { kObject, kArray, kString, kNumber, kTrue, kFalse, kNull, kNone };

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
    Kind peek();

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
    class Nesting;

    bool fail(const char* problem);
    void pass_space();
    bool pass(char wanted, const char* problem);
    bool open(char bracket, const char* problem);
    bool close(char bracket);
    bool pass_string();
    bool pass_escape();
    bool pass_number();
    bool pass_digits();
    bool pass_literal(std::string_view word);
    bool pass_key();
    bool pass_scalar();
    bool pass_opening(Nesting& open, bool& inside);
    bool pass_after_value(Nesting& open, bool& ended);

    const char* begin_;
    const char* at_;
    const char* end_;
    const char* problem_ = nullptr;
    int depth_ = 0;
    bool fresh_ = false;  // just inside an opening bracket: no comma is due
};

}  // namespace vidai::node::dialect::json
