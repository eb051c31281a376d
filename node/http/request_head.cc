// SPDX-License-Identifier: Apache-2.0
// What only requests have: the request line and its forms of target, Host, Expect.
#include <cstring>

#include "node/http/head_parser.h"

namespace vidai::node::http {
namespace {

// text == word, with a size that the compiler knows.
template <std::size_t kSize>
bool is(std::string_view text, const char (&word)[kSize]) {
    return text.size() == kSize - 1 && std::memcmp(text.data(), word, kSize - 1) == 0;
}

Method method_of(std::string_view text) {
    if (is(text, "POST")) return Method::kPost;
    if (is(text, "GET")) return Method::kGet;
    if (is(text, "HEAD")) return Method::kHead;
    if (is(text, "PUT")) return Method::kPut;
    if (is(text, "PATCH")) return Method::kPatch;
    if (is(text, "DELETE")) return Method::kDelete;
    if (is(text, "OPTIONS")) return Method::kOptions;
    return Method::kOther;
}

struct Singleton {
    std::uint64_t bit;
    const char* message;
};
constexpr Singleton kSingletons[] = {
    {field_bit(KnownField::kAuthorization), "Authorization is given twice; send it once."},
    {field_bit(KnownField::kXApiKey), "X-Api-Key is given twice; send it once."},
    {field_bit(KnownField::kContentType), "Content-Type is given twice; send it once."},
    {field_bit(KnownField::kExpect), "Expect is given twice; send it once."},
};

}  // namespace

HeadStatus parse_request_head(std::string_view bytes, const HeadLimits& limits, RequestHead& head) {
    return HeadParser(bytes, limits, head, ErrorCode::kMalformedHttp, ErrorCode::kHeadersTooLarge)
        .run_request(head);
}

HeadStatus HeadParser::run_request(RequestHead& head) {
    if (!head.start_line_done_ && !request_line(head)) return status_;
    if (!fields() || !request_rules(head)) return status_;
    return done();
}

bool HeadParser::request_line(RequestHead& head) {
    if (p_ != end_ && *p_ == '\r' && !line_end("A request begins with a stray carriage return.")) {
        return false;
    }
    const char* const method = p_;
    p_ = skip_token(p_, end_);
    if (p_ == end_) return need_more();
    if (*p_ != ' ' || p_ == method) return refuse("The request line does not begin with a method.");
    head.method_text_ = slice(method, p_);
    head.method_ = method_of(head.view(head.method_text_));

    const char* const target = ++p_;
    p_ = skip_target(p_, end_);
    if (p_ == end_) return need_more();
    if (*p_ != ' ') {
        return refuse(
            "The request target holds a character that is not allowed in a URL, or no "
            "protocol version follows it.");
    }
    if (!request_target(head, target, p_)) return false;
    ++p_;
    if (!version()) return false;
    if (!line_end("The request line does not end with CRLF after the protocol version.")) {
        return false;
    }
    head.start_line_done_ = true;
    head.parsed_ = static_cast<std::uint32_t>(p_ - begin_);
    return true;
}

// RFC 9112 3.2: origin-form, absolute-form, asterisk-form; authority-form belongs to CONNECT.
bool HeadParser::request_target(RequestHead& head, const char* begin, const char* end) {
    head.target_ = slice(begin, end);
    if (begin != end && *begin == '/') {
        split_query(head, begin, end);
        return true;
    }
    if (head.method_text() == "CONNECT") {
        return refuse(ErrorCode::kMethodNotAllowed, "CONNECT is not offered; this is no tunnel.");
    }
    if (head.target() == "*") {
        if (head.method_ != Method::kOptions) {
            return refuse("Only OPTIONS may have \"*\" as its target.");
        }
        head.path_ = head.target_;
        return true;
    }
    return absolute_form(head, begin, end);
}

bool HeadParser::absolute_form(RequestHead& head, const char* begin, const char* end) {
    constexpr const char* kMessage =
        "The request target must be a path that begins with \"/\", or a whole http URL.";
    const std::string_view url = head.target();
    const std::size_t mark = url.find("://");
    if (mark == std::string_view::npos) return refuse(kMessage);
    const std::string_view scheme = url.substr(0, mark);
    if (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https")) {
        return refuse(kMessage);
    }
    const char* const authority = begin + mark + 3;
    const char* const path = skip_host(authority, end);  // no userinfo: '@' ends it
    if (path == authority || (path != end && *path != '/' && *path != '?')) return refuse(kMessage);
    head.authority_ = slice(authority, path);
    split_query(head, path, end);
    return true;
}

void HeadParser::split_query(RequestHead& head, const char* begin, const char* end) {
    const std::string_view text(begin, static_cast<std::size_t>(end - begin));
    const std::size_t mark = text.find('?');
    if (mark == std::string_view::npos) {
        head.path_ = slice(begin, end);
        return;
    }
    head.path_ = slice(begin, begin + mark);
    head.query_ = slice(begin + mark + 1, end);
}

// What can only be judged once all fields are in.
bool HeadParser::request_rules(RequestHead& head) {
    if (!head.has(KnownField::kHost)) {
        if (head.version_minor_ != 0) return refuse("The Host header field is missing.");
    } else {
        if ((head.repeated_ & field_bit(KnownField::kHost)) != 0) {
            return refuse("Host is given twice; send it once.");
        }
        const std::string_view host = head.get(KnownField::kHost);
        const char* const host_end = host.data() + host.size();
        if (skip_host(host.data(), host_end) != host_end) {
            return refuse("The Host header field holds a character that no host name has.");
        }
    }
    for (const Singleton& one : kSingletons) {
        if ((head.repeated_ & one.bit) != 0) return refuse(one.message);
    }
    if (!transfer_coding() || !declared_length()) return false;
    connection_options();
    return expectation(head);
}

// RFC 9110 10.1.1.
bool HeadParser::expectation(RequestHead& head) {
    if (!head.has(KnownField::kExpect) || head.version_minor_ == 0) return true;
    if (!equals_folded(head.get(KnownField::kExpect), "100-continue")) {
        return refuse(ErrorCode::kInvalidRequest, "Expect may only be \"100-continue\".");
    }
    head.expect_continue_ =
        head.chunked() || (head.framing_ == Framing::kLength && head.content_length_ != 0);
    return true;
}

}  // namespace vidai::node::http
