// SPDX-License-Identifier: Apache-2.0
// Renders a failure as clients of this dialect read it. Which type and code a failure has is
// node/respond's catalogue to say. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace vidai::node::dialect::openai_chat {

// The four members of an OpenAI error. An empty param or code is rendered as null.
struct ErrorBody {
    std::string_view message;
    std::string_view type;
    std::string_view param;
    std::string_view code;
};

// {"error":{"message":...,"type":...,"param":...,"code":...}}
void append_error(std::string& out, const ErrorBody& error);
// The same as the last event of a stream that has begun, which SDKs throw: data: {...}\n\n
void append_error_event(std::string& out, const ErrorBody& error);

}  // namespace vidai::node::dialect::openai_chat
