// SPDX-License-Identifier: Apache-2.0
// The only place in mesh/ that reads clocks; everything else is told. Any thread.
#pragma once

#include <chrono>

#include <time.h>

#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

inline MonoTime mono_now() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return MonoTime(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

inline WallTime wall_now() {
    timespec t{};
    ::clock_gettime(CLOCK_REALTIME, &t);
    return WallTime(std::chrono::milliseconds(t.tv_sec * 1'000 + t.tv_nsec / 1'000'000));
}

}  // namespace vidai::mesh::rpc
