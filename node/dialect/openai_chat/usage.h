// SPDX-License-Identifier: Apache-2.0
// The `usage` object of this dialect, in and out of the canonical account. Here prompt_tokens
// includes what the cache served and completion_tokens includes reasoning; the canonical record
// has each apart. Pure; any thread.
#pragma once

#include <optional>

#include "node/dialect/json/scanner.h"
#include "node/request/usage.h"

namespace vidai::node::dialect::openai_chat {

// Reads the value that `in` stands at. Nothing for null, for another kind, and for an object
// without prompt_tokens or completion_tokens; the value is passed either way. A detail that claims
// more than its total is cut to the total; a negative, fractional or absurd count (above 1e12)
// is taken as absent.
std::optional<request::Usage> read_usage(json::Scanner& in);

// Reads the value of `service_tier` in an answer: in which one it was served. Nothing for null and
// for one that this program does not know; the value is passed either way. What was bought ahead
// ("scale") is charged as usual.
std::optional<mesh::pricing::ServiceTier> read_served(json::Scanner& in);

}  // namespace vidai::node::dialect::openai_chat
