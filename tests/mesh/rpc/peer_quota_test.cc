// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/peer_quota.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace vidai::mesh::rpc {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kNow{1h};
constexpr std::uint64_t kMebi = 1 << 20;

TEST(PeerQuota, LetsABurstThroughThenTheRate) {
    PeerQuota quota;
    const NodeId noisy("noisy");
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(quota.take(noisy, transport::TrafficKind::kRegisters, kMebi, kNow));
    }
    EXPECT_FALSE(quota.take(noisy, transport::TrafficKind::kRegisters, kMebi, kNow));
    EXPECT_TRUE(quota.take(noisy, transport::TrafficKind::kCounters, kMebi, kNow))
        << "each kind its own";
    EXPECT_TRUE(quota.take(noisy, transport::TrafficKind::kRegisters, kMebi, kNow + 1s));
    EXPECT_FALSE(quota.take(noisy, transport::TrafficKind::kRegisters, kMebi, kNow + 1s));
    EXPECT_EQ(quota.refused_bytes()[static_cast<std::size_t>(transport::TrafficKind::kRegisters)],
              2 * kMebi);
}

TEST(PeerQuota, OfOnePeerIsNotThatOfOthers) {
    PeerQuota quota;
    while (quota.take(NodeId("noisy"), transport::TrafficKind::kMembership, kMebi, kNow)) {
    }
    EXPECT_TRUE(quota.take(NodeId("quiet"), transport::TrafficKind::kMembership, kMebi, kNow));
}

TEST(PeerQuota, IsWorthALineAMinute) {
    PeerQuota quota;
    const NodeId noisy("noisy");
    EXPECT_TRUE(quota.worth_saying(noisy, kNow));
    EXPECT_FALSE(quota.worth_saying(noisy, kNow + 59s));
    EXPECT_TRUE(quota.worth_saying(NodeId("other"), kNow + 59s));
    EXPECT_TRUE(quota.worth_saying(noisy, kNow + 60s));
}

TEST(PeerQuota, RemembersABoundedNumberOfPeersAndForgetsTheQuietest) {
    PeerQuota quota;
    const NodeId noisy("noisy");
    while (quota.take(noisy, transport::TrafficKind::kRegisters, kMebi, kNow + 1s)) {
    }
    for (int i = 0; i < 5'000; ++i) {
        const NodeId peer("n" + std::to_string(i));
        EXPECT_TRUE(quota.take(peer, transport::TrafficKind::kRegisters, 1, kNow));
    }
    EXPECT_FALSE(quota.take(noisy, transport::TrafficKind::kRegisters, kMebi, kNow + 1s));
}

}  // namespace
}  // namespace vidai::mesh::rpc
