// SPDX-License-Identifier: Apache-2.0
// The end of a stream that the gateway cuts off: what a provider sends whose answer has reached the
// bound of its output, so that a client's program reads it as that. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "node/request/usage.h"

namespace vidai::node::dialect::openai_chat {

// Appends a chunk that ends each of `choices` with finish_reason "length", then `usage` where it is
// given, then [DONE]. Who and when they say as `chunk` does, the data of the first event that is
// not sent on; valid JSON.
void append_length_end(std::string& out, std::string_view chunk, std::int64_t choices,
                       const std::optional<request::Usage>& usage);

}  // namespace vidai::node::dialect::openai_chat
