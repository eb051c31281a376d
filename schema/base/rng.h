// SPDX-License-Identifier: Apache-2.0
// A seeded random number generator with its own distributions, so that one seed gives one run on
// every standard library. xoshiro256** (Blackman and Vigna 2018), seeded by splitmix64. Never for
// secrets. One thread at a time.
#pragma once

#include <array>
#include <cstdint>

namespace vidai {

class Rng {
  public:
    explicit Rng(std::uint64_t seed);
    std::uint64_t next();
    // Uniform in [0, bound), unbiased (Lemire 2019); bound 0 gives 0.
    std::uint64_t below(std::uint64_t bound);
    // Uniform in [0, 1) with 53 bits.
    double unit();
    bool chance(double probability) { return unit() < probability; }
    // An independent generator: one seed, many streams.
    Rng fork() { return Rng(next()); }

  private:
    std::array<std::uint64_t, 4> state_;
};

}  // namespace vidai
