// SPDX-License-Identifier: Apache-2.0
// Who is let near the handshake, how long a connection lasts, and what is said about refusals.
#include "mesh/rpc/doorkeeper.h"

#include <gtest/gtest.h>

#include "mesh/rpc/refusals.h"
#include "mesh/rpc/tenure.h"

namespace vidai::mesh::rpc {
namespace {

using namespace std::chrono_literals;

const MonoTime kStart = MonoTime(1h);

TEST(Doorkeeper, KeepsSlotsForAddressesOfMembers) {
    Doorkeeper door({.strangers_max = 2, .members_max = 1});
    door.know("member");
    EXPECT_EQ(door.admit(kStart, "a"), Door::kStranger);
    EXPECT_EQ(door.admit(kStart, "b"), Door::kStranger);
    EXPECT_EQ(door.admit(kStart, "c"), Door::kSlots);
    EXPECT_EQ(door.admit(kStart, "member"), Door::kMember);
    EXPECT_EQ(door.admit(kStart, "member"), Door::kSlots) << "they are bounded too";
    door.leave(Door::kMember, "member");
    EXPECT_EQ(door.admit(kStart, "member"), Door::kMember);
    door.leave(Door::kStranger, "a");
    EXPECT_EQ(door.admit(kStart, "c"), Door::kStranger);
}

TEST(Doorkeeper, BoundsHandshakesAtOnceFromOneAddress) {
    Doorkeeper door({.per_address_max = 2});
    EXPECT_TRUE(is_open(door.admit(kStart, "a")));
    EXPECT_TRUE(is_open(door.admit(kStart, "a")));
    EXPECT_EQ(door.admit(kStart, "a"), Door::kAddressSlots);
    EXPECT_TRUE(is_open(door.admit(kStart, "b")));
    door.leave(Door::kStranger, "a");
    EXPECT_TRUE(is_open(door.admit(kStart, "a")));
}

TEST(Doorkeeper, BoundsHowFastOneAddressBegins) {
    Doorkeeper door({.interval = 10ms, .burst = 3});
    const auto try_once = [&](MonoTime now) {
        const Door answer = door.admit(now, "a");
        if (is_open(answer)) door.leave(answer, "a");
        return answer;
    };
    for (int i = 0; i < 3; ++i) EXPECT_EQ(try_once(kStart), Door::kStranger);
    EXPECT_EQ(try_once(kStart), Door::kAddressRate);
    EXPECT_EQ(try_once(kStart + 9ms), Door::kAddressRate) << "refused ones cost the caller nothing";
    EXPECT_EQ(try_once(kStart + 11ms), Door::kStranger);
    EXPECT_EQ(try_once(kStart + 12ms), Door::kAddressRate);
    EXPECT_EQ(door.admit(kStart, "b"), Door::kStranger) << "others are not concerned";
}

TEST(Doorkeeper, RemembersABoundedNumberOfAddresses) {
    Doorkeeper door({.interval = 10ms, .burst = 1, .addresses_max = 2});
    EXPECT_EQ(door.admit(kStart, "a"), Door::kStranger);
    EXPECT_EQ(door.admit(kStart, "b"), Door::kStranger);
    EXPECT_EQ(door.admit(kStart, "c"), Door::kStranger) << "of all others, one";
    EXPECT_EQ(door.admit(kStart, "d"), Door::kAddressRate);
    for (const char* address : {"a", "b", "c"}) door.leave(Door::kStranger, address);
    EXPECT_EQ(door.admit(kStart + 1s, "d"), Door::kStranger) << "the idle are forgotten";
    EXPECT_EQ(door.admit(kStart + 1s, "e"), Door::kStranger);
}

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

TEST(Refusals, TellTheFirstOfEachReasonThenHowManyMore) {
    Refusals refusals;
    EXPECT_EQ(refusals.count("stranger", kStart), 0u);
    EXPECT_EQ(refusals.count("late", kStart), 0u) << "each reason has its own line";
    for (int i = 0; i < 7; ++i) EXPECT_FALSE(refusals.count("stranger", kStart + 9s).has_value());
    EXPECT_EQ(refusals.count("stranger", kStart + 10s), 7u);
    EXPECT_FALSE(refusals.count("stranger", kStart + 11s).has_value());
    EXPECT_EQ(refusals.total("stranger"), 10u);
    EXPECT_EQ(refusals.total("late"), 1u);
}

TEST(Refusals, CountAnUnknownReasonAsOther) {
    Refusals refusals;
    EXPECT_TRUE(refusals.count("made up by a peer", kStart).has_value());
    EXPECT_EQ(refusals.total("other"), 1u);
    EXPECT_EQ(refusals.total("made up by a peer"), 0u);
}

}  // namespace
}  // namespace vidai::mesh::rpc
