// SPDX-License-Identifier: Apache-2.0
// A KJ event loop in virtual time: when nothing is left to do now, the time moves to the next
// timer. No descriptor is ever waited on, so a run is a function of its seed. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include <kj/async.h>
#include <kj/timer.h>

#include "mesh/clock.h"
#include "mesh/seal/keys.h"
#include "schema/base/rng.h"
#include "schema/vocabulary/check.h"
#include "schema/vocabulary/time.h"

namespace vidai::sim {

class VirtualTime final : private kj::EventPort {
  public:
    VirtualTime() : timer_(kStart), loop_(*this), scope_(loop_) {}

    kj::Timer& timer() { return timer_; }
    MonoTime now() const {
        return MonoTime(std::chrono::nanoseconds((timer_.now() - kj::origin<kj::TimePoint>()) /
                                                 kj::NANOSECONDS));
    }
    void run_for(Duration wait) { timer_.afterDelay(wait.count() * kj::NANOSECONDS).wait(scope_); }
    // How often there was nothing left to do but to wait.
    std::uint64_t steps() const { return steps_; }

  private:
    // Whoever reads the timer sees the same time as whoever asks now().
    static constexpr kj::TimePoint kStart = kj::origin<kj::TimePoint>() + 3'600 * kj::SECONDS;

    bool wait() override {
        KJ_IF_MAYBE (next, timer_.nextEvent()) {
            timer_.advanceTo(*next);
            ++steps_;
            return false;
        }
        CHECK(false, "a simulated node waits for what can never happen");
        return false;
    }
    bool poll() override { return false; }

    std::uint64_t steps_ = 0;
    kj::TimerImpl timer_;
    kj::EventLoop loop_;
    kj::WaitScope scope_;
};

// One node's clocks: its time of day may be off.
class VirtualClock final : public mesh::Clock {
  public:
    VirtualClock(const VirtualTime& time, std::chrono::milliseconds offset)
        : time_(time), offset_(offset) {}
    MonoTime mono_now() const override { return time_.now(); }
    WallTime wall_now() const override {
        constexpr WallTime kDay{std::chrono::milliseconds(1'790'000'000'000)};
        return kDay + offset_ +
               std::chrono::duration_cast<std::chrono::milliseconds>(
                   time_.now().time_since_epoch());
    }

  private:
    const VirtualTime& time_;
    const std::chrono::milliseconds offset_;
};

// Keys and nonces out of the seed. For nothing but simulation.
class SeededRandom final : public mesh::seal::RandomSource {
  public:
    explicit SeededRandom(Rng rng) : rng_(rng) {}
    void fill(std::span<std::uint8_t> out) override {
        for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(rng_.next() >> 32);
    }

  private:
    Rng rng_;
};

}  // namespace vidai::sim
