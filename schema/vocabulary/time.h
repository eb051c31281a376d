// SPDX-License-Identifier: Apache-2.0
// Points in time as arguments: cores never read a clock, they are told. MonoTime measures
// durations and deadlines, WallTime dates things that people and other nodes read. Any thread.
#pragma once

#include <chrono>
#include <cstdint>

namespace vidai {

using Duration = std::chrono::nanoseconds;

// A clock without now(): nobody can read the time behind a core's back.
struct MonoClock {
    using duration = Duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<MonoClock>;
    static constexpr bool is_steady = true;
};
using MonoTime = MonoClock::time_point;

struct WallClock {
    using duration = std::chrono::milliseconds;  // since 1970-01-01 UTC, no leap seconds
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<WallClock>;
    static constexpr bool is_steady = false;
};
using WallTime = WallClock::time_point;

}  // namespace vidai
