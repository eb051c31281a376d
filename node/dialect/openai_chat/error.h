// SPDX-License-Identifier: Apache-2.0
// Failures as clients of this dialect read them, written and recognised. Which type and code a
// failure has is node/respond's catalogue to say. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vidai::node::dialect::openai_chat {

// One more member of an error, beyond those that OpenAI has: SDKs hand it to a program as it is.
struct ErrorDetail {
    std::string_view name;  // of a-z and '_'
    std::string_view text;  // left out when empty
};

// The four members of an OpenAI error. An empty param or code is rendered as null.
struct ErrorBody {
    std::string_view message;
    std::string_view type;
    std::string_view param;
    std::string_view code;
    std::span<const ErrorDetail> details{};
};

// {"error":{"message":...,"type":...,"param":...,"code":...}}, details behind them.
void append_error(std::string& out, const ErrorBody& error);
// The same as the last event of a stream that has begun, which SDKs throw: data: {...}\n\n
void append_error_event(std::string& out, const ErrorBody& error);

// Whether `body` is an error that a client of this dialect can read: one JSON object in UTF-8
// whose `error` is an object with a `message` of text.
bool is_error(std::string_view body);

}  // namespace vidai::node::dialect::openai_chat
