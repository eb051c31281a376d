// SPDX-License-Identifier: Apache-2.0
// Reads a whole (not streamed) chat completion on its way to the client, for the meter. The body
// itself passes byte for byte. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "node/request/usage.h"
#include "schema/vocabulary/result.h"

namespace vidai::node::dialect::openai_chat {

struct ResponseFacts {
    std::optional<request::Usage> usage;
    // Counted only when there is no usage: bytes of what the model wrote, as spelt in JSON (text,
    // reasoning, refusals, tool names and arguments of all choices), to estimate output from.
    std::int64_t content_bytes = 0;
};

// kUpstreamInvalid when the body is not one JSON object: a client's SDK could not read it either,
// so the exchange answers in its stead. A body that ends well, from its usage on, is not looked
// through, so that a service tier is heard only behind the usage; one that does not is checked
// whole.
Result<ResponseFacts> read_response(std::string_view body);

}  // namespace vidai::node::dialect::openai_chat
