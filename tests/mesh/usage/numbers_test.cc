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

TEST(Numbers, OfSpansAreASet) {
    std::mt19937_64 random(12);
    for (int round = 0; round < 300; ++round) {
        Numbers numbers;
        std::set<std::uint64_t> model;
        for (int i = 0; i < 12; ++i) {
            const std::uint64_t from = random() % 64;
            const Span span{from, from + random() % 16};
            const bool gone = random() % 3 == 0;
            gone ? numbers.erase(span) : numbers.insert(span);
            for (std::uint64_t n = span.from; n <= span.through; ++n) {
                gone ? static_cast<void>(model.erase(n)) : static_cast<void>(model.insert(n));
            }
        }
        EXPECT_EQ(numbers.count(), model.size());
        const Span all{0, 100};
        Numbers gaps;
        for (const Span& span : numbers.lacking(all)) gaps.insert(span);
        for (std::uint64_t n = 0; n <= 100; ++n) {
            EXPECT_EQ(numbers.contains(n), model.contains(n));
            EXPECT_EQ(gaps.contains(n), !model.contains(n));
        }
        for (const Span& span : numbers.spans()) EXPECT_TRUE(numbers.contains(span));
        EXPECT_EQ(numbers.contains(Span{3, 9}), numbers.lacking({3, 9}).empty());
        Numbers both = numbers;
        both.insert(gaps);
        EXPECT_EQ(both.spans(), std::vector{all});
    }
}

TEST(Numbers, TellOfTheFirstGapsAlone) {
    Numbers numbers;
    numbers.insert(Span{5, 6});
    numbers.insert(Span{9, UINT64_MAX});
    EXPECT_EQ(numbers.lacking({1, UINT64_MAX}, 1), (std::vector<Span>{{1, 4}}));
    EXPECT_EQ(numbers.lacking({1, UINT64_MAX}), (std::vector<Span>{{1, 4}, {7, 8}}));
    EXPECT_TRUE(numbers.lacking({10, UINT64_MAX}).empty());
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
