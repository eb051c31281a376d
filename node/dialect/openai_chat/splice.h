// SPDX-License-Identifier: Apache-2.0
// The body that goes upstream: the client's bytes, but for the provider's name of the model and,
// on a stream, `stream_options.include_usage`, without which a stream cannot be metered.
// Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "node/request/chat_facts.h"
#include "node/request/cost_facts.h"
#include "schema/vocabulary/units.h"

namespace vidai::node::dialect::openai_chat {

// `facts` must have been read from `body`. Appends exactly spliced_length() bytes. `limit`: goes in
// as well; null: none.
void append_spliced(std::string& out, std::string_view body, const request::ChatFacts& facts,
                    std::string_view upstream_model, const request::LimitSplice* limit = nullptr);
std::size_t spliced_length(std::string_view body, const request::ChatFacts& facts,
                           std::string_view upstream_model,
                           const request::LimitSplice* limit = nullptr);

// max_completion_tokens, for a request that has no bound of its own: in front of all members, or in
// place of a null.
request::LimitSplice limit_splice(const request::CostFacts& facts, Tokens limit);

}  // namespace vidai::node::dialect::openai_chat
