// SPDX-License-Identifier: Apache-2.0
// What a response and a chunk have in common: `choices`, each with a message or a delta. Counts
// what the model wrote. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "node/dialect/json/scanner.h"

namespace vidai::node::dialect::openai_chat {

struct Choices {
    bool is_array = false;
    std::int64_t count = 0;
    std::int64_t content_bytes = 0;  // text, reasoning, refusals, tool names and arguments, raw
    std::int64_t strings = 0;        // that content_bytes is the sum of
    std::string_view last_string;    // raw, in the text
    bool finished = false;           // some choice has a finish_reason
};

// Reads the value that `in` stands at. Whatever has another shape than expected is passed over.
void read_choices(json::Scanner& in, Choices& choices);

}  // namespace vidai::node::dialect::openai_chat
