// SPDX-License-Identifier: Apache-2.0
#include "node/http/write.h"

#include <charconv>

#include "node/http/chars.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::http {
namespace {

bool all_of_class(std::string_view text, CharClass wanted) {
    const char* const end = text.data() + text.size();
    return skip_class(text.data(), end, wanted) == end;
}

bool clean(std::string_view text) {
    const char* const end = text.data() + text.size();
    return skip_value(text.data(), end) == end;
}

// Grows `out` once and lets `fill` write exactly `size` bytes.
template <class Fill>
void append_with(std::string& out, std::size_t size, Fill fill) {
    const std::size_t before = out.size();
    const std::size_t after = before + size;
    // The size that libstdc++ 12 hands to the callback is the new capacity, hence not used here.
    out.resize_and_overwrite(after, [&](char* data, std::size_t) {
        fill(data + before);
        return after;
    });
}

char* put(char* at, std::string_view text) {
    return at + text.copy(at, text.size());
}

}  // namespace

void append_status_line(std::string& out, int status) {
    CHECK(status >= 100 && status <= 599);
    const std::string_view reason = reason_phrase(status);
    append_with(out, 15 + reason.size(), [&](char* at) {
        at = put(at, "HTTP/1.1 ");
        *at++ = static_cast<char>('0' + status / 100);
        *at++ = static_cast<char>('0' + status / 10 % 10);
        *at++ = static_cast<char>('0' + status % 10);
        *at++ = ' ';
        put(put(at, reason), "\r\n");
    });
}

void append_request_line(std::string& out, std::string_view method, std::string_view path,
                         std::string_view query) {
    CHECK(!method.empty() && all_of_class(method, kTokenChar), "the method is no token");
    CHECK(!path.empty() && all_of_class(path, kTargetChar), "the path is no URL path");
    CHECK(all_of_class(query, kTargetChar), "the query is no URL query");
    out.append(method).append(1, ' ').append(path);
    if (!query.empty()) out.append(1, '?').append(query);
    out.append(" HTTP/1.1\r\n");
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    CHECK(!name.empty() && clean(name), "a control character in a field name would split the head");
    CHECK(clean(value), "a control character in a field value would split the head");
    append_with(out, name.size() + value.size() + 4,
                [&](char* at) { put(put(put(put(at, name), ": "), value), "\r\n"); });
}

void append_field(std::string& out, std::string_view name, std::uint64_t value) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    append_field(out, name, std::string_view(digits, end));
}

void append_outside_field(std::string& out, std::string_view name, std::string_view value,
                          std::size_t size_max) {
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    value = value.substr(0, size_max);
    while (!value.empty() && blank(value.front())) value.remove_prefix(1);
    while (!value.empty() && blank(value.back())) value.remove_suffix(1);
    append_field(out, name, std::string_view{});
    out.resize(out.size() - 2);
    for (const char c : value) out.push_back(is_class(c, kValueChar) ? c : '_');
    out.append("\r\n", 2);
}

void append_decimal(std::string& out, std::uint64_t value) {
    char digits[20];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

std::string_view reason_phrase(int status) {
    switch (status) {
            // clang-format off
        case 100: return "Continue";
        case 200: return "OK";
        case 201: return "Created";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 206: return "Partial Content";
        case 301: return "Moved Permanently";
        case 302: return "Found";
        case 303: return "See Other";
        case 304: return "Not Modified";
        case 307: return "Temporary Redirect";
        case 308: return "Permanent Redirect";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 402: return "Payment Required";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 406: return "Not Acceptable";
        case 408: return "Request Timeout";
        case 409: return "Conflict";
        case 410: return "Gone";
        case 411: return "Length Required";
        case 412: return "Precondition Failed";
        case 413: return "Content Too Large";
        case 414: return "URI Too Long";
        case 415: return "Unsupported Media Type";
        case 417: return "Expectation Failed";
        case 421: return "Misdirected Request";
        case 422: return "Unprocessable Content";
        case 425: return "Too Early";
        case 428: return "Precondition Required";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        case 505: return "HTTP Version Not Supported";
        default: return {};
            // clang-format on
    }
}

}  // namespace vidai::node::http
