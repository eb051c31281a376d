// SPDX-License-Identifier: Apache-2.0
// Clock: where a mesh reads the time, given with its options; cores are told. The system's by
// default, the simulator's in virtual time. Any thread.
#pragma once

#include <chrono>
#include <memory>

#include "schema/vocabulary/time.h"

namespace vidai::mesh {

class Clock {
  public:
    virtual ~Clock() = default;
    virtual MonoTime mono_now() const = 0;
    virtual WallTime wall_now() const = 0;
};

// The system's clocks. `wall_offset` is added to the time of day: other than zero for tests only.
std::shared_ptr<const Clock> system_clock(std::chrono::milliseconds wall_offset = {});

}  // namespace vidai::mesh
