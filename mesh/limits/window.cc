// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/window.h"

namespace vidai::mesh::limits {
namespace {

Duration from_ms(std::uint64_t ms) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(ms));
}

// The greatest part of a window, in milliseconds, in which `use` spread over it weighs at most
// `room`. Since room is whole, the rounded-up weight is at most `room` too.
std::uint64_t left_when(std::uint64_t use, std::uint64_t room) {
    return use <= room ? kWindowMs : room * kWindowMs / use;
}

}  // namespace

std::optional<Duration> time_until_room(WindowUse use, std::uint32_t left_ms, std::uint64_t cost,
                                        std::uint64_t limit) {
    if (cost > limit) return std::nullopt;
    const std::uint64_t room = limit - cost;
    if (use.current <= room) {  // within this window, as the previous one fades
        const std::uint64_t left = left_when(use.previous, room - use.current);
        return from_ms(left >= left_ms ? 0 : left_ms - left);
    }
    // In the next one, as this one fades.
    return from_ms(left_ms + kWindowMs - left_when(use.current, room));
}

Duration time_until_empty(WindowUse use, std::uint32_t left_ms) {
    if (use.current > 0) return from_ms(left_ms + std::uint64_t{kWindowMs});
    return from_ms(use.previous > 0 ? left_ms : 0);
}

}  // namespace vidai::mesh::limits
