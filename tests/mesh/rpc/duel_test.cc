// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/duel.h"

#include <gtest/gtest.h>

namespace vidai::mesh::rpc {
namespace {

using namespace std::chrono_literals;

const NodeId kSmall("a"), kGreat("b");

TEST(Duel, KeepsTheConnectionOfTheSmallerIdWhenBothDialAtOnce) {
    EXPECT_FALSE(replaces({kSmall, {1}}, {kGreat, {1}}, 10ms));
    EXPECT_TRUE(replaces({kGreat, {1}}, {kSmall, {1}}, 10ms));
}

TEST(Duel, IsWonByALaterLifeOfThePeer) {
    EXPECT_TRUE(replaces({kSmall, {1}}, {kGreat, {2}}, 10ms));
    EXPECT_FALSE(replaces({kGreat, {2}}, {kSmall, {1}}, 10ms));
    EXPECT_FALSE(replaces({kSmall, {2}}, {kSmall, {1}}, 1h));
}

TEST(Duel, IsWonByASecondDialOfTheSameNodeWhichHasLostTheFirst) {
    EXPECT_TRUE(replaces({kSmall, {1}}, {kSmall, {1}}, 10ms));
}

TEST(Duel, IsWonByADialThatCannotHaveCrossedTheOther) {
    EXPECT_TRUE(replaces({kSmall, {1}}, {kGreat, {1}}, 6s));
}

}  // namespace
}  // namespace vidai::mesh::rpc
