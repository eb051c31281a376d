// SPDX-License-Identifier: Apache-2.0
// What a client is told of its limits: the x-ratelimit-* and retry-after headers. A value.
#pragma once

#include <cstdint>
#include <optional>

#include "schema/vocabulary/time.h"

namespace vidai::node::request {

struct RateWindow {
    std::uint64_t limit = 0;
    std::uint64_t remaining = 0;
    Duration reset{};  // until it is all there again if nothing more is asked
};

struct RateState {
    std::optional<RateWindow> requests;  // absent: unlimited, send no header
    std::optional<RateWindow> tokens;
    // When refused: how long until the same request fits. Absent: not refused, or a repeat is
    // useless (x-should-retry: false) when `retry_useless`.
    std::optional<Duration> retry_after;
    bool retry_useless = false;
};

}  // namespace vidai::node::request
