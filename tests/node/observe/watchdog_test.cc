// SPDX-License-Identifier: Apache-2.0
#include "node/observe/watchdog.h"

#include <gtest/gtest.h>

namespace vidai::node::observe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLook = milliseconds(100);

// Two loops that beat as they are told to, looked at ten times a second.
struct Loops {
    MonoTime now{seconds(100)};
    Heartbeat mesh, worker;
    Watchdog watchdog{{{"mesh", &mesh}, {"worker-0", &worker}}, seconds(30), now};

    std::vector<Watchdog::Finding> run(Duration span, bool mesh_beats, bool worker_beats) {
        std::vector<Watchdog::Finding> all;
        for (const MonoTime end = now + span; now < end;) {
            now += kLook;
            if (mesh_beats) mesh.beat(now);
            if (worker_beats) worker.beat(now);
            for (auto& found : watchdog.look(now)) all.push_back(std::move(found));
        }
        return all;
    }
};

TEST(Watchdog, SaysNothingWhileAllLoopsRun) {
    Loops loops;
    EXPECT_TRUE(loops.run(seconds(100), true, true).empty());
    EXPECT_EQ(loops.watchdog.dead(), "");
}

TEST(Watchdog, TellsOnceOfALoopThatStandsStillAndOnceOfItsReturn) {
    Loops loops;
    loops.run(seconds(1), true, true);
    const auto stalled = loops.run(seconds(5), true, false);
    ASSERT_EQ(stalled.size(), 1u);
    EXPECT_EQ(stalled[0].loop, "worker-0");
    EXPECT_FALSE(stalled[0].over);
    EXPECT_EQ(loops.watchdog.states()[1].stalls, 1u);
    EXPECT_EQ(loops.watchdog.states()[1].span, seconds(5));
    const auto over = loops.run(seconds(5), true, true);
    ASSERT_EQ(over.size(), 1u);
    EXPECT_TRUE(over[0].over);
    EXPECT_EQ(over[0].span, seconds(5) + kLook);
    EXPECT_EQ(loops.watchdog.states()[1].span, Duration{});
}

TEST(Watchdog, SeesALoopThatNeverBegan) {
    Loops loops;
    EXPECT_EQ(loops.run(seconds(2), false, true).size(), 1u);
}

TEST(Watchdog, AsksForARestartOnlyBeyondTheLimit) {
    Loops loops;
    loops.run(seconds(1), true, true);
    loops.run(seconds(29), false, true);
    EXPECT_EQ(loops.watchdog.dead(), "");
    loops.run(seconds(2), false, true);
    EXPECT_EQ(loops.watchdog.dead(),
              "mesh has not come round for 31 s: this process should be restarted");
    loops.run(seconds(1), true, true);
    EXPECT_EQ(loops.watchdog.dead(), "");
}

TEST(Watchdog, BlamesNobodyForATimeInWhichTheWholeProcessDidNotRun) {
    Loops loops;
    loops.run(seconds(1), true, true);
    loops.now += seconds(60);  // SIGSTOP, a suspended machine
    EXPECT_TRUE(loops.run(milliseconds(500), false, false).empty());
    EXPECT_EQ(loops.watchdog.dead(), "");
}

TEST(Watchdog, NeverAsksForARestartWithoutALimit) {
    Heartbeat heart;
    Watchdog watchdog({{"mesh", &heart}}, {}, MonoTime{});
    for (MonoTime now{}; now < MonoTime(seconds(100)); now += kLook) watchdog.look(now);
    EXPECT_EQ(watchdog.states()[0].stalls, 1u);
    EXPECT_EQ(watchdog.dead(), "");
}

}  // namespace
}  // namespace vidai::node::observe
