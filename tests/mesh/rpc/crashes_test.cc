// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/crashes.h"

#include <gtest/gtest.h>

namespace vidai::mesh::rpc {
namespace {

using membership::Event;
using membership::EventKind;
using namespace std::chrono_literals;

constexpr MonoTime kStart{1h};

Event event(EventKind kind, std::uint64_t generation) {
    return {kind, NodeId("a"), {1, Generation{generation}, {}}, {}};
}

TEST(Crashes, CountADeathOnceWithTheReturnAfterIt) {
    Crashes crashes;
    crashes.on_event(kStart, event(EventKind::kJoined, 1));
    EXPECT_EQ(crashes.count(kStart), 0u);
    crashes.on_event(kStart, event(EventKind::kDead, 1));
    EXPECT_EQ(crashes.count(kStart), 1u);
    crashes.on_event(kStart, event(EventKind::kAlive, 2));
    EXPECT_EQ(crashes.count(kStart), 1u);
}

TEST(Crashes, CountARestartThatNobodySawAsADeath) {
    Crashes crashes;
    crashes.on_event(kStart, event(EventKind::kJoined, 1));
    crashes.on_event(kStart, event(EventKind::kAlive, 2));
    EXPECT_EQ(crashes.count(kStart), 1u);
}

TEST(Crashes, DoNotCountAFarewellOrARefutedSuspicion) {
    Crashes crashes;
    crashes.on_event(kStart, event(EventKind::kJoined, 1));
    crashes.on_event(kStart, event(EventKind::kSuspect, 1));
    crashes.on_event(kStart, event(EventKind::kAlive, 1));
    crashes.on_event(kStart, event(EventKind::kLeft, 1));
    crashes.on_event(kStart, event(EventKind::kAlive, 2));
    EXPECT_EQ(crashes.count(kStart), 0u);
}

TEST(Crashes, DoNotCountARenewedCertificate) {
    Crashes crashes;
    Event renewed = event(EventKind::kAlive, 1);
    crashes.on_event(kStart, event(EventKind::kJoined, 1));
    renewed.version.serial = 2;
    renewed.version.incarnation = Incarnation{1};
    crashes.on_event(kStart, renewed);
    EXPECT_EQ(crashes.count(kStart), 0u);
    // But a volume that was lost: a greater serial, and all begins anew.
    renewed.version = {3, Generation{1}, Incarnation{0}};
    crashes.on_event(kStart, renewed);
    EXPECT_EQ(crashes.count(kStart), 1u);
}

TEST(Crashes, AreForgottenWhenNoWindowCountsThemAnyMore) {
    Crashes crashes;
    crashes.on_event(kStart, event(EventKind::kJoined, 1));
    crashes.on_event(kStart, event(EventKind::kDead, 1));
    EXPECT_EQ(crashes.count(kStart + Crashes::kMemory), 1u);
    EXPECT_EQ(crashes.count(kStart + Crashes::kMemory + 1ms), 0u);
}

}  // namespace
}  // namespace vidai::mesh::rpc
