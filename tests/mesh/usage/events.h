// SPDX-License-Identifier: Apache-2.0
// An event with something in each of its fields.
#pragma once

#include <vector>

#include "mesh/usage/batch.h"
#include "mesh/usage/event.h"

namespace vidai::mesh::usage {

inline WallTime at_ms(std::int64_t ms) {
    return WallTime(WallTime::duration(ms));
}

inline Event some_event(std::uint64_t number) {
    return {.number = number,
            .time = at_ms(1'000),
            .request = "req-1",
            .caller = {KeyId("AbCdEf123456"), "ann", "blue", "search"},
            .callee = {"m1", "p1", "m1-2026", "chat_completions"},
            .tokens = {{1}, {2}, {3}, {4}, {5}, {6}, {7}},
            .priced = true,
            .price_from = at_ms(500),
            .cost = {42},
            .estimated = false,
            .charged = {50},
            .outcome = Outcome::kClientGone};
}

inline seal::Bytes record_of(const std::vector<Event>& events) {
    Batch batch;
    for (const Event& event : events) batch.add(event);
    return batch.take();
}

// Empty where it is no batch.
inline std::vector<Event> events_of(seal::ByteView record) {
    std::vector<Event> events;
    const auto read = read_batch(record, [&](const Event& event) -> Result<void> {
        events.push_back(event);
        return {};
    });
    if (!read) events.clear();
    return events;
}

}  // namespace vidai::mesh::usage
