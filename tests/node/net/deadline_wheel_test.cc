// SPDX-License-Identifier: Apache-2.0
#include "node/net/deadline_wheel.h"

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "schema/base/rng.h"

namespace vidai::node::net {
namespace {

using std::chrono::milliseconds;

constexpr Duration kTick = milliseconds(50);
MonoTime at(std::int64_t ms) {
    return MonoTime(milliseconds(1'000'003 + ms));
}

struct Probe final : DeadlineHandler {
    std::function<void(MonoTime)> then = [](MonoTime) {};
    std::vector<MonoTime> fired;
    void on_deadline(MonoTime now) override {
        fired.push_back(now);
        then(now);
    }
};

TEST(DeadlineWheel, FiresOnceNeverEarlyAndAtMostTwoTicksLate) {
    DeadlineWheel wheel(kTick, at(0));
    Rng rng(1);
    std::vector<std::unique_ptr<Probe>> probes;
    std::vector<MonoTime> due;
    for (int i = 0; i < 500; ++i) {
        probes.push_back(std::make_unique<Probe>());
        due.push_back(at(static_cast<std::int64_t>(rng.below(90'000))));  // beyond the horizon too
        wheel.set(*probes.back(), due.back());
    }
    for (std::int64_t ms = 0; ms <= 91'000; ms += 7) wheel.advance(at(ms));
    for (std::size_t i = 0; i < probes.size(); ++i) {
        ASSERT_EQ(probes[i]->fired.size(), 1u) << i;
        EXPECT_GE(probes[i]->fired[0], due[i]);
        EXPECT_LE(probes[i]->fired[0], due[i] + 2 * kTick);
    }
}

TEST(DeadlineWheel, ADeadlineThatMovesLaterFiresOnlyThen) {
    DeadlineWheel wheel(kTick, at(0));
    Probe probe;
    wheel.set(probe, at(100));
    for (std::int64_t ms = 0; ms < 5'000; ms += 10) {
        wheel.set(probe, at(ms + 1'000));
        wheel.advance(at(ms));
    }
    EXPECT_TRUE(probe.fired.empty());
    wheel.advance(at(7'000));
    EXPECT_EQ(probe.fired.size(), 1u);
}

TEST(DeadlineWheel, ADeadlineThatMovesEarlierFiresInTime) {
    DeadlineWheel wheel(kTick, at(0));
    Probe probe;
    wheel.set(probe, at(20'000));
    wheel.set(probe, at(200));
    wheel.advance(at(320));
    EXPECT_EQ(probe.fired.size(), 1u);
    wheel.advance(at(30'000));
    EXPECT_EQ(probe.fired.size(), 1u);
}

TEST(DeadlineWheel, AClearedDeadlineNeverFires) {
    DeadlineWheel wheel(kTick, at(0));
    Probe probe;
    wheel.set(probe, at(100));
    wheel.clear(probe);
    wheel.advance(at(10'000));
    EXPECT_TRUE(probe.fired.empty());
    wheel.set(probe, at(10'100));
    wheel.advance(at(10'300));
    EXPECT_EQ(probe.fired.size(), 1u);
}

TEST(DeadlineWheel, AHandlerMayDestroyAnotherThatIsDueToo) {
    DeadlineWheel wheel(kTick, at(0));
    auto victim = std::make_unique<Probe>();
    Probe killer;
    wheel.set(killer, at(100));
    wheel.set(*victim, at(100));
    killer.then = [&](MonoTime) { victim.reset(); };
    wheel.advance(at(1'000));
    EXPECT_EQ(killer.fired.size(), 1u);
    EXPECT_EQ(victim, nullptr);
}

TEST(DeadlineWheel, AHandlerMaySetItselfAgain) {
    DeadlineWheel wheel(kTick, at(0));
    Probe probe;
    probe.then = [&](MonoTime now) { wheel.set(probe, now + milliseconds(500)); };
    wheel.set(probe, at(500));
    for (std::int64_t ms = 0; ms <= 5'000; ms += 10) wheel.advance(at(ms));
    EXPECT_GE(probe.fired.size(), 8u);
    EXPECT_LE(probe.fired.size(), 10u);
}

TEST(DeadlineWheel, CatchesUpAfterALongPause) {
    DeadlineWheel wheel(kTick, at(0));
    Probe soon, late;
    wheel.set(soon, at(100));
    wheel.set(late, at(10'000'000));
    wheel.advance(at(3'600'000));
    EXPECT_EQ(soon.fired.size(), 1u);
    EXPECT_TRUE(late.fired.empty());
}

}  // namespace
}  // namespace vidai::node::net
