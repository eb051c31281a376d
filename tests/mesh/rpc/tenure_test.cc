// SPDX-License-Identifier: Apache-2.0
// How long a connection lasts.
#include "mesh/rpc/tenure.h"

#include <gtest/gtest.h>

namespace vidai::mesh::rpc {
namespace {

using namespace std::chrono_literals;

const MonoTime kStart = MonoTime(1h);

TEST(Tenure, LetsTheSmallerIdDialAnewFirstAndEndsLater) {
    const WallTime wall(1'000'000'000s);
    for (const std::uint32_t jitter : {0u, 127u, 0x8000'0000u, 0xffff'ffffu}) {
        const Tenure first = tenure_of(kStart, wall, {24h, wall + 48h, wall + 72h, true, jitter});
        const Tenure second = tenure_of(kStart, wall, {24h, wall + 48h, wall + 72h, false, jitter});
        EXPECT_GE(first.redial_at, kStart + 17h);
        EXPECT_LT(first.redial_at, second.redial_at);
        EXPECT_LT(second.redial_at, second.close_at);
        EXPECT_EQ(first.close_at, kStart + 24h);
        EXPECT_FALSE(first.over(kStart + 23h, wall + 23h));
        EXPECT_TRUE(first.over(kStart + 24h, wall + 24h));
    }
}

TEST(Tenure, EndsWithThePeersCertificateAndItsTolerance) {
    const WallTime wall(1'000'000'000s);
    const Tenure tenure = tenure_of(kStart, wall, {24h, wall + 1h, wall + 48h, true, 0});
    EXPECT_LT(tenure.redial_at, kStart + 30min) << "renewed while the certificate is good";
    EXPECT_FALSE(tenure.over(kStart + 70min, wall + 1h + seal::kClockTolerance));
    EXPECT_TRUE(tenure.over(kStart + 71min, wall + 1h + seal::kClockTolerance + 1ms));
    EXPECT_LT(tenure_of(kStart, wall, {24h, wall + 48h, wall + 1h, true, 0}).redial_at,
              kStart + 30min)
        << "the other side has ours";
}

TEST(Tenure, OfAnExpiredCertificateIsStillAPositiveTime) {
    const WallTime wall(1'000'000'000s);
    EXPECT_GT(tenure_of(kStart, wall, {24h, wall - 5min, wall + 1h, true, 0}).redial_at, kStart);
}

}  // namespace
}  // namespace vidai::mesh::rpc
