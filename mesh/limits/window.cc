// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/window.h"

namespace vidai::mesh::limits {
namespace {

Duration from_ms(std::uint64_t ms) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(ms));
}

// The greatest rest of a window, in milliseconds, in which `use` spread over it weighs at most
// `room`. Since room is whole, the rounded-up weight is at most `room` too.
std::uint64_t left_when(std::uint64_t use, std::uint64_t room, std::uint32_t span_s) {
    const std::uint64_t parts = window_parts(span_s);
    const std::uint64_t fits = use <= room ? parts : room * parts / use;
    return fits * (std::uint64_t{span_s} * 1'000) / parts;
}

}  // namespace

std::optional<Duration> time_until_room(WindowUse use, std::uint32_t left_ms, std::uint64_t cost,
                                        std::uint64_t limit, WindowRule rule) {
    if (cost > limit) return std::nullopt;
    const std::uint64_t room = limit - cost;
    if (rule.fixed) return from_ms(use.current <= room ? 0 : left_ms);
    if (use.current <= room) {  // within this window, as the previous one fades
        const std::uint64_t left = left_when(use.previous, room - use.current, rule.span_s);
        return from_ms(left >= left_ms ? 0 : left_ms - left);
    }
    // In the next one, as this one fades.
    const std::uint64_t span_ms = std::uint64_t{rule.span_s} * 1'000;
    return from_ms(left_ms + span_ms - left_when(use.current, room, rule.span_s));
}

Duration time_until_empty(WindowUse use, std::uint32_t left_ms, WindowRule rule) {
    const bool next = use.current > 0 && !rule.fixed;
    if (next) return from_ms(left_ms + std::uint64_t{rule.span_s} * 1'000);
    return from_ms(use.current > 0 || (use.previous > 0 && !rule.fixed) ? left_ms : 0);
}

}  // namespace vidai::mesh::limits
