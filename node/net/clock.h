// SPDX-License-Identifier: Apache-2.0
// Where time enters the node: the only two reads of a clock on a worker. Any thread.
#pragma once

#include <chrono>

#include "schema/vocabulary/time.h"

namespace vidai::node::net {

inline MonoTime mono_now() {
    return MonoTime(
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

inline WallTime wall_now() {
    return WallTime(std::chrono::duration_cast<WallClock::duration>(
        std::chrono::system_clock::now().time_since_epoch()));
}

}  // namespace vidai::node::net
