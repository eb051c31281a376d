// SPDX-License-Identifier: Apache-2.0
#include "bench/load/arrivals.h"

#include <gtest/gtest.h>

namespace vidai::bench::load {
namespace {

using std::chrono::nanoseconds;

TEST(Arrivals, UniformOnesKeepTheRateWithoutDrift) {
    Arrivals arrivals(Arrivals::Kind::kUniform, 3, nanoseconds{100}, 1);
    for (int i = 0; i < 2999; ++i) arrivals.advance();
    EXPECT_NEAR(static_cast<double>(arrivals.next().count()), 1000e9 + 100, 1000);
}

TEST(Arrivals, PoissonOnesKeepTheRateOnAverageAndVaryLikeTheirMean) {
    constexpr double kRate = 1000;
    constexpr int kCount = 100'000;
    Arrivals arrivals(Arrivals::Kind::kPoisson, kRate, nanoseconds{0}, 7);
    double sum = 0;
    double squares = 0;
    nanoseconds before{0};
    for (int i = 0; i < kCount; ++i) {
        const double gap = static_cast<double>((arrivals.next() - before).count()) * kRate / 1e9;
        EXPECT_GE(gap, 0);
        sum += gap;
        squares += gap * gap;
        before = arrivals.next();
        arrivals.advance();
    }
    EXPECT_NEAR(sum / kCount, 1, 0.02);
    EXPECT_NEAR(squares / kCount, 2, 0.1);  // an exponential's second moment
}

TEST(Arrivals, AreTheSameForTheSameSeed) {
    Arrivals a(Arrivals::Kind::kPoisson, 10, nanoseconds{0}, 3);
    Arrivals b(Arrivals::Kind::kPoisson, 10, nanoseconds{0}, 3);
    Arrivals c(Arrivals::Kind::kPoisson, 10, nanoseconds{0}, 4);
    EXPECT_EQ(a.next(), b.next());
    EXPECT_NE(a.next(), c.next());
}

}  // namespace
}  // namespace vidai::bench::load
