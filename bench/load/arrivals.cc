// SPDX-License-Identifier: Apache-2.0
#include "bench/load/arrivals.h"

#include <cmath>

namespace vidai::bench::load {

Arrivals::Arrivals(Kind kind, double rate, std::chrono::nanoseconds start, std::uint64_t seed)
    : kind_(kind), gap_ns_(1e9 / rate), start_(start), next_(start), rng_(seed) {
    advance();
}

void Arrivals::advance() {
    const double factor = kind_ == Kind::kUniform ? 1 : -std::log1p(-rng_.unit());
    exact_ns_ += gap_ns_ * factor;
    next_ = start_ + std::chrono::nanoseconds(static_cast<std::int64_t>(exact_ns_));
}

}  // namespace vidai::bench::load
