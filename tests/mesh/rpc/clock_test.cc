// SPDX-License-Identifier: Apache-2.0
#include "mesh/clock.h"

#include <gtest/gtest.h>

namespace vidai::mesh {
namespace {

using namespace std::chrono_literals;

TEST(SystemClock, ShiftsTheTimeOfDayAndNothingElse) {
    const auto right = system_clock(), ahead = system_clock(1h), behind = system_clock(-1h);
    const WallTime before = right->wall_now();
    const MonoTime mono_before = right->mono_now();
    const WallTime shifted = ahead->wall_now(), back = behind->wall_now();
    const MonoTime mono = ahead->mono_now();
    const WallTime after = right->wall_now();
    EXPECT_GE(shifted, before + 1h);
    EXPECT_LE(shifted, after + 1h);
    EXPECT_GE(back, before - 1h);
    EXPECT_LE(back, after - 1h);
    EXPECT_GE(mono, mono_before);
    EXPECT_LE(mono, right->mono_now());
}

}  // namespace
}  // namespace vidai::mesh
