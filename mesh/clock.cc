// SPDX-License-Identifier: Apache-2.0
// The only place in mesh/ that reads clocks.
#include "mesh/clock.h"

#include <time.h>

namespace vidai::mesh {

namespace {

class SystemClock final : public Clock {
  public:
    explicit SystemClock(std::chrono::milliseconds wall_offset) : wall_offset_(wall_offset) {}

    MonoTime mono_now() const override {
        timespec t{};
        ::clock_gettime(CLOCK_MONOTONIC, &t);
        return MonoTime(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
    }
    WallTime wall_now() const override {
        timespec t{};
        ::clock_gettime(CLOCK_REALTIME, &t);
        const std::chrono::milliseconds now(t.tv_sec * 1'000 + t.tv_nsec / 1'000'000);
        return WallTime(now + wall_offset_);
    }

  private:
    const std::chrono::milliseconds wall_offset_;
};

}  // namespace

std::shared_ptr<const Clock> system_clock(std::chrono::milliseconds wall_offset) {
    return std::make_shared<const SystemClock>(wall_offset);
}

}  // namespace vidai::mesh
