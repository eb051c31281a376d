// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/peer_sync.h"

#include <gtest/gtest.h>

namespace vidai::mesh::rpc {
namespace {

using namespace std::chrono_literals;

MonoTime at(Duration since) {
    return MonoTime(since);
}

TEST(PeerSync, OwesFromTheOldestPushThatIsNotAcknowledged) {
    PeerSync sync;
    EXPECT_FALSE(sync.owed_since());
    sync.pushed(at(1s));
    sync.pushed(at(2s));
    EXPECT_EQ(sync.owed_since(), at(1s));
    sync.push_ended();
    EXPECT_EQ(sync.owed_since(), at(2s));
    sync.push_ended();
    EXPECT_FALSE(sync.owed_since());
    sync.push_ended();  // of a connection that is gone
    EXPECT_FALSE(sync.owed_since());
}

TEST(PeerSync, OwesFromTheFirstMissUntilAllIsTold) {
    PeerSync sync;
    sync.missed(at(1s));
    sync.missed(at(3s));
    sync.pushed(at(2s));
    EXPECT_EQ(sync.owed_since(), at(1s));
    sync.told_all();
    EXPECT_EQ(sync.owed_since(), at(2s));
}

TEST(PeerSync, TakesHalfTheRoundTripOffTheOthersClock) {
    PeerSync sync;
    const WallTime asked(1'000'000ms);
    sync.clock(asked + 250ms, asked, 100ms);
    EXPECT_EQ(sync.clock_offset(), 200ms);
    sync.clock(asked - 150ms, asked, 100ms);
    EXPECT_EQ(sync.clock_offset(), -200ms);
}

TEST(PeerSync, KeepsTheLastVerdictWhenAPeerDoesNotSayItsDigest) {
    PeerSync sync;
    EXPECT_FALSE(sync.digests_equal());
    sync.compared(at(1s), true);
    sync.compared(at(2s), std::nullopt);
    EXPECT_EQ(sync.digests_equal(), true);
    EXPECT_EQ(sync.compared_at(), at(2s));
}

}  // namespace
}  // namespace vidai::mesh::rpc
