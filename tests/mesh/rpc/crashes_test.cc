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
    const bool new_life = kind == EventKind::kAlive && generation > 1;
    return {kind, NodeId("a"), {1, Generation{generation}, {}}, {}, new_life};
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

TEST(Crashes, DoNotCountARenewedCertificateNorARemoval) {
    Crashes crashes;
    Event renewed = event(EventKind::kAlive, 1);
    renewed.version.serial = 2;
    crashes.on_event(kStart, event(EventKind::kJoined, 1));
    crashes.on_event(kStart, renewed);
    crashes.on_event(kStart, event(EventKind::kForgotten, 1));
    crashes.on_event(kStart, event(EventKind::kJoined, 2));
    EXPECT_EQ(crashes.count(kStart), 0u);
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
