// SPDX-License-Identifier: Apache-2.0
// JSON strings in and out (RFC 8259 section 7), and the encoding check that a whole text needs
// once. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vidai::node::dialect::json {

// RFC 3629, no surrogates, no overlong forms.
bool is_utf8(std::string_view text);

// `raw` is what stands between the quotes of a string that the Scanner has passed. Appends what it
// means as UTF-8. False for a lone surrogate escape, which has no UTF-8 form.
[[nodiscard]] bool append_unescaped(std::string& out, std::string_view raw);

// What a number that the Scanner has read means, if it is a whole one of at most 18 digits,
// without a fraction or an exponent.
std::optional<std::int64_t> whole_number(std::string_view raw);

// Appends `text` as a JSON string, quotes included. Bytes that are no UTF-8 become U+FFFD, so that
// the result is valid JSON whatever a stranger sent.
void append_quoted(std::string& out, std::string_view text);
// The bytes that append_quoted would append.
std::size_t quoted_length(std::string_view text);

}  // namespace vidai::node::dialect::json
