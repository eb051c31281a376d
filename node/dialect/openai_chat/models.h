// SPDX-License-Identifier: Apache-2.0
// Renders the answer to GET /v1/models. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vidai::node::dialect::openai_chat {

struct ModelEntry {
    std::string_view id;        // the alias that clients send as "model"
    std::int64_t created = 0;   // seconds since 1970-01-01 UTC
    std::string_view owned_by;  // who answers for it, e.g. the provider's name
};

void append_models(std::string& out, std::span<const ModelEntry> models);

}  // namespace vidai::node::dialect::openai_chat
