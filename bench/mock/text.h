// SPDX-License-Identifier: Apache-2.0
// The few ways in which this program writes text: appending, JSON strings, base64, HTTP heads.
// Any thread.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace vidai::bench::mock {

inline void append_one(std::string& out, std::string_view text) {
    out += text;
}
void append_one(std::string& out, std::integral auto number) {
    out += std::to_string(number);
}
template <class... Parts>
void append(std::string& out, const Parts&... parts) {
    (append_one(out, parts), ...);
}

// A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
std::string json_string(std::string_view text);
std::string base64(std::string_view bytes);

// What an HTTP status is called; "Unknown" for those nobody registered.
std::string_view reason(int status);

// A whole response: status line, content-type, content-length, `headers` (lines that end in
// CRLF), body.
std::string response(int status, std::string_view content_type, std::string_view headers,
                     std::string_view body, bool keep_alive);

// OpenAI's error shape: {"error":{"message","type","param":null,"code"}}; code may be empty (null).
std::string error_body(std::string_view message, std::string_view type, std::string_view code);

}  // namespace vidai::bench::mock
