// SPDX-License-Identifier: Apache-2.0
// What a chat completion request asks for, as far as this provider looks. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schema/vocabulary/result.h"

namespace vidai::bench::mock {

struct ChatCall {
    static constexpr std::uint32_t kChoicesMax = 128;

    std::string model;
    bool stream = false;
    bool include_usage = false;
    std::uint32_t choices = 1;                // "n"
    std::optional<std::uint32_t> tokens_max;  // max_completion_tokens, else max_tokens
    std::uint32_t input_tokens = 0;           // see below
    std::uint64_t messages_hash = 0;          // of the messages' values, not of their spelling
};

// Input tokens are counted as 3, and per message 4 plus one for each four bytes begun of its text.
// Errors: kInvalidRequest with a message in the provider's manner.
Result<ChatCall> parse_chat_call(std::string_view body);

}  // namespace vidai::bench::mock
