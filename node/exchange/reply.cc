// SPDX-License-Identifier: Apache-2.0
#include "node/exchange/reply.h"

#include <array>

#include "node/dialect/openai_chat/error.h"
#include "node/http/write.h"
#include "node/respond/catalogue.h"
#include "node/respond/headers.h"

namespace vidai::node::exchange {
namespace {

using std::chrono::milliseconds;

respond::LimitState limit_state(const request::RateWindow& window) {
    return {static_cast<std::int64_t>(window.limit), static_cast<std::int64_t>(window.remaining),
            std::chrono::ceil<milliseconds>(window.reset)};
}

// The status line and the lines of every answer; ends without the empty line.
void append_common(std::string& out, int status, std::string_view content_type,
                   std::string_view extra_lines, const ReplyContext& context) {
    http::append_status_line(out, status);
    if (!content_type.empty()) http::append_field(out, "content-type", content_type);
    out += extra_lines;
    respond::append_request_id(out, context.request_id);
    if (context.rate != nullptr) {
        if (const auto& requests = context.rate->requests) {
            respond::append_rate_limit(out, respond::LimitUnit::kRequests, limit_state(*requests));
        }
        if (const auto& tokens = context.rate->tokens) {
            respond::append_rate_limit(out, respond::LimitUnit::kTokens, limit_state(*tokens));
        }
    }
    respond::append_server_timing(out, context.timing, context.now);
    if (!context.keep_alive) {
        out += "connection: close\r\n";
    } else if (context.http10) {
        out += "connection: keep-alive\r\n";
    }
}

dialect::openai_chat::ErrorBody error_body(const Error& error, const respond::CatalogueRow& row) {
    const std::string_view param = row.says_why ? std::string_view(error.param) : "";
    return {respond::client_message(error), row.type, param, row.code};
}

}  // namespace

void append_reply(std::string& out, int status, std::string_view content_type,
                  std::string_view extra_lines, std::string_view body,
                  const ReplyContext& context) {
    append_common(out, status, content_type, extra_lines, context);
    http::append_field(out, "content-length", body.size());
    http::end_head(out);
    if (!context.head_only) out += body;
}

void append_stream_head(std::string& out, int status, std::string_view extra_lines,
                        const ReplyContext& context) {
    append_common(out, status, {}, extra_lines, context);
    out += "cache-control: no-cache\r\nx-accel-buffering: no\r\n";
    out += context.http10 ? "\r\n" : "transfer-encoding: chunked\r\n\r\n";
}

bool append_error_reply(std::string& out, const Error& error, const ReplyContext& context) {
    const respond::CatalogueRow& row = respond::row(error.code);
    ReplyContext said = context;
    said.keep_alive = context.keep_alive && !row.closes;
    dialect::openai_chat::ErrorBody said_of = error_body(error, row);
    std::array<dialect::openai_chat::ErrorDetail, 3> details;
    if (const request::BudgetRefusal* const budget = context.budget) {
        details = {{{"budget", budget->budget},
                    {"reason", budget->reason},
                    {"renews_at", budget->renews_at}}};
        said_of.details = details;
    }
    std::string body;
    dialect::openai_chat::append_error(body, said_of);
    std::string lines;
    const request::RateState* const rate = context.rate;
    if (rate != nullptr && rate->retry_useless) {
        lines += "x-should-retry: false\r\n";
    } else {
        milliseconds delay{0};
        if (rate != nullptr && rate->retry_after) {
            delay = std::chrono::ceil<milliseconds>(*rate->retry_after);
        }
        respond::append_retry(lines, row, delay);
    }
    append_reply(out, row.status, "application/json", lines, body, said);
    return !said.keep_alive;
}

void append_refusal_reply(std::string& out, int status, std::string_view extra_lines,
                          const ReplyContext& context) {
    const Error error{ErrorCode::kUpstreamError, "", ""};
    std::string body;
    dialect::openai_chat::append_error(body, error_body(error, respond::row(error.code)));
    append_reply(out, status, "application/json", extra_lines, body, context);
}

void append_error_event(std::string& out, const Error& error) {
    dialect::openai_chat::append_error_event(out, error_body(error, respond::row(error.code)));
}

int error_status(ErrorCode code) {
    return respond::row(code).status;
}

}  // namespace vidai::node::exchange
