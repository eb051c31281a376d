// SPDX-License-Identifier: Apache-2.0
// An event with something in each of its fields.
#pragma once

#include "mesh/usage/event.h"

namespace vidai::mesh::usage {

inline WallTime at_ms(std::int64_t ms) {
    return WallTime(WallTime::duration(ms));
}

inline Event some_event(std::uint64_t number) {
    return {.number = number,
            .time = at_ms(1'000),
            .request = "req-1",
            .key = KeyId("AbCdEf123456"),
            .user = "ann",
            .team = "blue",
            .project = "search",
            .model = "m1",
            .provider = "p1",
            .protocol = "openai",
            .tokens = {{1}, {2}, {3}, {4}, {5}, {6}, {7}},
            .priced = true,
            .price_from = at_ms(500),
            .cost = {42},
            .estimated = false,
            .outcome = Outcome::kClientGone};
}

}  // namespace vidai::mesh::usage
