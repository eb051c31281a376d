// SPDX-License-Identifier: Apache-2.0
// When requests are due in an open-loop test, whatever the system under test does: the latency of
// each is counted from then, so that a stall is seen by everyone who would have waited in it
// ("coordinated omission", Tene 2013). Pure. One thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "schema/base/rng.h"

namespace vidai::bench::load {

class Arrivals {
  public:
    enum class Kind : std::uint8_t { kPoisson, kUniform };

    // rate in requests per second, more than 0; the first is due one gap after `start`.
    Arrivals(Kind kind, double rate, std::chrono::nanoseconds start, std::uint64_t seed);

    std::chrono::nanoseconds next() const { return next_; }
    void advance();

  private:
    Kind kind_;
    double gap_ns_;
    double exact_ns_ = 0;  // since start; a fraction kept, so that the rate has no drift
    std::chrono::nanoseconds start_;
    std::chrono::nanoseconds next_;
    Rng rng_;
};

}  // namespace vidai::bench::load
