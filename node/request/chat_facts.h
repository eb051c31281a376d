// SPDX-License-Identifier: Apache-2.0
// What the rooms need to know of a chat request, whatever dialect it came in. The body itself
// stays where it is and goes upstream byte for byte but for the splices; offsets point into it.
// A value; lives as long as one exchange, on its worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schema/vocabulary/units.h"

namespace vidai::node::request {

// Half-open byte range [begin, end) of the request body.
struct ByteRange {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
};

// How `stream_options.include_usage: true` gets into a body that lacks it.
enum class UsageSplice : std::uint8_t {
    kNone,          // already asked for, or not a stream
    kInsertMember,  // no stream_options: insert a whole member at `usage_at`
    kInsertField,   // an object without include_usage: insert the field at `usage_at`
    kReplaceValue,  // null, or include_usage other than true: replace the bytes of `usage_at`
};

// A bound of the output that the gateway adds to a request; made by the dialect's limit_splice().
struct LimitSplice {
    ByteRange at;
    std::string text;
};

struct ChatFacts {
    std::string_view model;  // unescaped; lives in the body or in the parser until its next parse
    ByteRange model_value;   // the JSON string, quotes included
    bool stream = false;
    bool client_wants_usage = false;  // the client itself asked for the usage chunk
    UsageSplice usage_splice = UsageSplice::kNone;
    ByteRange usage_at;
    std::string_view usage_text;                    // what to put there; static storage
    std::optional<std::int64_t> max_output_tokens;  // max_completion_tokens, else max_tokens
    std::int64_t choices = 1;                       // n, 1 to 128
    Tokens input_estimate;                          // from the bytes of the messages; see meter
};

}  // namespace vidai::node::request
