// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/numbers.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace vidai::mesh::usage {
namespace {

TEST(Numbers, InOrderAreOneRun) {
    Numbers numbers;
    for (std::uint64_t n = 1; n <= 1'000; ++n) EXPECT_TRUE(numbers.insert(n));
    EXPECT_EQ(numbers.runs(), 1U);
    EXPECT_FALSE(numbers.insert(500));
    EXPECT_FALSE(numbers.contains(0));
    EXPECT_FALSE(numbers.contains(1'001));
}

TEST(Numbers, InAnyOrderAreASet) {
    std::mt19937_64 random(11);
    for (int round = 0; round < 200; ++round) {
        Numbers numbers;
        std::set<std::uint64_t> model;
        for (int i = 0; i < 100; ++i) {
            const std::uint64_t n = random() % 64;
            EXPECT_EQ(numbers.insert(n), model.insert(n).second);
        }
        std::size_t runs = 0;
        for (std::uint64_t n = 0; n < 65; ++n) {
            EXPECT_EQ(numbers.contains(n), model.contains(n));
            runs += model.contains(n) && !model.contains(n + 1) ? 1 : 0;
        }
        EXPECT_EQ(numbers.runs(), runs);
    }
}

TEST(Numbers, AtBothEndsDoNotMeet) {
    Numbers numbers;
    EXPECT_TRUE(numbers.insert(UINT64_MAX));
    EXPECT_TRUE(numbers.insert(0));
    EXPECT_EQ(numbers.runs(), 2U);
    EXPECT_FALSE(numbers.insert(UINT64_MAX));
}

}  // namespace
}  // namespace vidai::mesh::usage
