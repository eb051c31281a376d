// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/account.h"

#include <gtest/gtest.h>

namespace vidai::mesh::budget {
namespace {

TEST(Account, SpendsWhatItWasGrantedAndNoMore) {
    Account account;
    EXPECT_FALSE(account.reserve({1}));
    account.on_grant({10});
    EXPECT_TRUE(account.reserve({7}));
    EXPECT_FALSE(account.reserve({4}));
    account.settle({7}, {5});
    EXPECT_EQ(account.free().value, 5);
    EXPECT_TRUE(account.reserve({5}));
    EXPECT_EQ(account.free().value, 0);
}

TEST(Account, TakesTheGreatestOfWhatItWasEverGranted) {
    Account account;
    account.on_grant({10});
    account.on_grant({10});
    account.on_grant({4});  // an old message
    EXPECT_EQ(account.granted().value, 10);
}

TEST(Account, GivesBackOnlyWhatIsIdle) {
    Account account;
    account.on_grant({10});
    ASSERT_TRUE(account.reserve({6}));
    EXPECT_EQ(account.give_back({100}).value, 4);
    EXPECT_EQ(account.give_back({1}).value, 4) << "the rest is reserved";
    EXPECT_FALSE(account.reserve({1})) << "what was given back is not spent as well";
    account.settle({6}, {2});
    EXPECT_EQ(account.give_back({100}).value, 8) << "a total";
    EXPECT_EQ(account.give_back({-1}).value, 8) << "never less";
}

TEST(Account, OwesWhatTheProviderChargedBeyondTheReservation) {
    Account account;
    account.on_grant({10});
    ASSERT_TRUE(account.reserve({10}));
    account.settle({10}, {13});
    EXPECT_EQ(account.free().value, -3);
    EXPECT_EQ(account.give_back({1}).value, 0);
    account.on_grant({20});
    EXPECT_EQ(account.free().value, 7) << "of the next money the debt comes first";
}

}  // namespace
}  // namespace vidai::mesh::budget
