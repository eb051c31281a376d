// SPDX-License-Identifier: Apache-2.0
// The endpoints of the client listener, as a closed list: what metrics and latency are kept by.
// Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vidai::node::request {

enum class Endpoint : std::uint8_t {
    kChatCompletions,  // POST /v1/chat/completions
    kModels,           // GET /v1/models
    kHealth,           // GET /healthz, /readyz
    kOther,            // everything else, answered with an error
};
inline constexpr std::size_t kEndpointCount = 4;

// As a metric's label, e.g. "chat_completions".
constexpr std::string_view endpoint_name(Endpoint endpoint) {
    constexpr std::string_view kNames[kEndpointCount] = {"chat_completions", "models", "health",
                                                         "other"};
    return kNames[static_cast<std::size_t>(endpoint)];
}

}  // namespace vidai::node::request
