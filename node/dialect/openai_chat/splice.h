// SPDX-License-Identifier: Apache-2.0
// The body that goes upstream: the client's bytes, but for the provider's name of the model and,
// on a stream, `stream_options.include_usage`, without which a stream cannot be metered.
// Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "node/request/chat_facts.h"

namespace vidai::node::dialect::openai_chat {

// `facts` must have been read from `body`. Appends exactly spliced_length() bytes.
void append_spliced(std::string& out, std::string_view body, const request::ChatFacts& facts,
                    std::string_view upstream_model);
std::size_t spliced_length(std::string_view body, const request::ChatFacts& facts,
                           std::string_view upstream_model);

}  // namespace vidai::node::dialect::openai_chat
