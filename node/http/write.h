// SPDX-License-Identifier: Apache-2.0
// Serialising heads (RFC 9112): each function appends to the caller's string, which keeps its
// capacity from message to message. A line end inside a value of ours is a bug and ends the
// process; values from elsewhere go through append_outside_field. Pure; any thread.
//
//   append_status_line(out, 200);
//   append_field(out, "content-type", "application/json");
//   append_field(out, "content-length", body.size());
//   end_head(out);
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vidai::node::http {

// "HTTP/1.1 404 Not Found\r\n"; an unregistered status gets an empty reason. 100 to 599.
void append_status_line(std::string& out, int status);

// "POST /v1/chat/completions HTTP/1.1\r\n". `path` begins the target, `query` (may be empty) is
// without its '?'. CHECKs that the method is a token and the target holds what a URL may.
void append_request_line(std::string& out, std::string_view method, std::string_view path,
                         std::string_view query = {});

// "name: value\r\n". CHECKs that neither holds a control character. For a field of a parsed head
// that always passes.
void append_field(std::string& out, std::string_view name, std::string_view value);
void append_field(std::string& out, std::string_view name, std::uint64_t value);

// The same for a value that came from outside: each byte that may not stand in a field becomes
// '_', white space at the ends goes, and all beyond `size_max` bytes is cut.
void append_outside_field(std::string& out, std::string_view name, std::string_view value,
                          std::size_t size_max = 256);

// The empty line.
inline void end_head(std::string& out) {
    out.append("\r\n", 2);
}

void append_decimal(std::string& out, std::uint64_t value);

// "Not Found"; empty for a status without a registered phrase (RFC 9110 15, RFC 6585).
std::string_view reason_phrase(int status);

inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace vidai::node::http
