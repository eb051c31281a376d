// SPDX-License-Identifier: Apache-2.0
// Writes whole responses and response heads: the lines that every answer carries, whatever it is
// about. Pure; appends to the connection's output.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "node/request/budget_refusal.h"
#include "node/request/rate_state.h"
#include "node/request/timing.h"
#include "schema/vocabulary/error.h"
#include "schema/vocabulary/time.h"

namespace vidai::node::exchange {

// What the lines are made from. Borrowed for the call.
struct ReplyContext {
    std::string_view request_id;
    const request::Timing& timing;
    const request::RateState* rate = nullptr;        // null: no key, no limit lines
    const request::BudgetRefusal* budget = nullptr;  // null: none is in the way
    bool keep_alive = true;
    bool http10 = false;     // the client speaks HTTP/1.0
    bool head_only = false;  // HEAD: the body is counted and not sent
    MonoTime now;
};

// A body of known length.
void append_reply(std::string& out, int status, std::string_view content_type,
                  std::string_view extra_lines, std::string_view body, const ReplyContext& context);

// The head of a stream: chunked, or until close for HTTP/1.0.
void append_stream_head(std::string& out, int status, std::string_view extra_lines,
                        const ReplyContext& context);

// What a client of the OpenAI dialect is told about `error`. True when the connection must close.
bool append_error_reply(std::string& out, const Error& error, const ReplyContext& context);

// In place of a provider's error that is none of this dialect's: kUpstreamError with the provider's
// status. `extra_lines` say whether to try again.
void append_refusal_reply(std::string& out, int status, std::string_view extra_lines,
                          const ReplyContext& context);

// The error as the last event of a stream that has begun.
void append_error_event(std::string& out, const Error& error);

int error_status(ErrorCode code);

}  // namespace vidai::node::exchange
