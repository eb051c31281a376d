// SPDX-License-Identifier: Apache-2.0
// Who is let near the handshake.
#include "mesh/admission/doorkeeper.h"

#include <gtest/gtest.h>

namespace vidai::mesh::admission {
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

}  // namespace
}  // namespace vidai::mesh::admission
