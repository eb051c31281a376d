// SPDX-License-Identifier: Apache-2.0
#include "node/upstream/health.h"

#include <gtest/gtest.h>

namespace vidai::node::upstream {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1h};
constexpr HealthOptions kOptions{.failures_to_eject = 3, .eject_first = 1s, .eject_max = 5s};

void fail(Health& health, int times, MonoTime now) {
    for (int i = 0; i < times; ++i) health.failed(0, now);
}

TEST(Health, EjectsAfterFailuresInARow) {
    Health health(2, kOptions);
    fail(health, 2, kStart);
    EXPECT_TRUE(health.usable(0, kStart));
    health.succeeded(0);
    fail(health, 2, kStart);
    EXPECT_TRUE(health.usable(0, kStart));
    fail(health, 1, kStart);
    EXPECT_FALSE(health.usable(0, kStart));
    EXPECT_TRUE(health.usable(1, kStart));
}

TEST(Health, EjectsForLongerEachTimeUpToABound) {
    Health health(1, kOptions);
    MonoTime now = kStart;
    fail(health, 3, now);
    for (const Duration ejection : {1s, 2s, 4s, 5s, 5s}) {
        EXPECT_FALSE(health.usable(0, now + ejection - 1ms));
        now += ejection;
        EXPECT_TRUE(health.usable(0, now));
        fail(health, 1, now);  // the probe fails: out at once
    }
}

TEST(Health, ForgetsAllAtOneSuccess) {
    Health health(1, kOptions);
    fail(health, 3, kStart);
    fail(health, 1, kStart + 1s);
    health.succeeded(0);
    EXPECT_TRUE(health.usable(0, kStart + 1s));
    fail(health, 3, kStart + 1s);
    EXPECT_TRUE(health.usable(0, kStart + 2s));
}

TEST(Health, IsNotProlongedByFailuresFromBeforeTheEjection) {
    Health health(1, kOptions);
    fail(health, 50, kStart);
    EXPECT_TRUE(health.usable(0, kStart + 1s));
}

}  // namespace
}  // namespace vidai::node::upstream
