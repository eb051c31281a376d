// SPDX-License-Identifier: Apache-2.0
// What only responses have: the status line, and bodies that end where the connection does.
#include "node/http/head_parser.h"

namespace vidai::node::http {

HeadStatus parse_response_head(std::string_view bytes, const HeadLimits& limits, Method asked,
                               ResponseHead& head) {
    return HeadParser(bytes, limits, head, ErrorCode::kUpstreamInvalid, ErrorCode::kUpstreamInvalid)
        .run_response(asked, head);
}

HeadStatus HeadParser::run_response(Method asked, ResponseHead& head) {
    if (!head.start_line_done_ && !status_line(head)) return status_;
    if (!fields() || !response_rules(asked, head)) return status_;
    return done();
}

bool HeadParser::status_line(ResponseHead& head) {
    if (!version()) return false;
    if (!literal(" ", "The provider's status line has no status.")) return false;
    int status = 0;
    for (int i = 0; i < 3; ++i, ++p_) {
        if (p_ == end_) return need_more();
        const bool good = *p_ >= (i == 0 ? '1' : '0') && *p_ <= (i == 0 ? '5' : '9');
        if (!good) return refuse("The provider's status is not a number from 100 to 599.");
        status = status * 10 + (*p_ - '0');
    }
    head.status_ = status;
    if (p_ == end_) return need_more();
    // The space before an empty reason is required, but often forgotten; nothing hangs on it.
    if (*p_ == ' ') ++p_;
    const char* const reason = p_;
    if (p_ != end_ && reason[-1] == ' ') p_ = skip_value(p_, end_);
    if (p_ == end_) return need_more();
    const char* const reason_end = p_;
    if (!line_end("The provider's status line does not end with CRLF.")) return false;
    head.reason_ = slice(reason, reason_end);
    head.start_line_done_ = true;
    head.parsed_ = static_cast<std::uint32_t>(p_ - begin_);
    return true;
}

// RFC 9112 6.3, in its order.
bool HeadParser::response_rules(Method asked, ResponseHead& head) {
    if (head.status_ == 101) return refuse("The provider switched protocols without being asked.");
    if (!transfer_coding() || !declared_length()) return false;
    connection_options();
    const bool never_has_body = head.interim() || head.status_ == 204;
    if (never_has_body && (head.chunked() || head.content_length_ != 0)) {
        return refuse("The provider announced a body where its status allows none.");
    }
    if (never_has_body || head.status_ == 304 || asked == Method::kHead) {
        head.framing_ = Framing::kNone;
        head.content_length_ = 0;
    } else if (!head.chunked() && head.framing_ != Framing::kLength) {
        head.framing_ = Framing::kUntilClose;
        head.keep_alive_ = false;
    }
    return true;
}

}  // namespace vidai::node::http
