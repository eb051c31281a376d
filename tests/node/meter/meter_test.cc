// SPDX-License-Identifier: Apache-2.0
#include "node/meter/meter.h"

#include <limits>

#include <gtest/gtest.h>

#include "node/request/estimate.h"

namespace vidai::node::meter {
namespace {

// 2.50, 1.25 and 10.00 USD per million tokens.
constexpr route::Price kPrice{
    .input = {2'500'000}, .cached_input = {1'250'000}, .output = {10'000'000}, .known = true};

request::Usage usage(std::int64_t uncached, std::int64_t read, std::int64_t written,
                     std::int64_t visible, std::int64_t reasoning) {
    return {.input_uncached = {uncached},
            .cache_read = {read},
            .cache_write = {written},
            .output_visible = {visible},
            .reasoning = {reasoning},
            .estimated = false};
}

TEST(Cost, PricesEachKindOfToken) {
    EXPECT_EQ(cost(kPrice, usage(1'000'000, 0, 0, 0, 0)), MicroUsd{2'500'000});
    EXPECT_EQ(cost(kPrice, usage(0, 1'000'000, 0, 0, 0)), MicroUsd{1'250'000});
    EXPECT_EQ(cost(kPrice, usage(0, 0, 1'000'000, 0, 0)), MicroUsd{2'500'000});
    EXPECT_EQ(cost(kPrice, usage(0, 0, 0, 1'000'000, 0)), MicroUsd{10'000'000});
    EXPECT_EQ(cost(kPrice, usage(0, 0, 0, 0, 1'000'000)), MicroUsd{10'000'000});
    EXPECT_EQ(cost(kPrice, usage(1'000, 200, 0, 300, 100)), MicroUsd{2'500 + 250 + 4'000});
}

TEST(Cost, RoundsUpOnceAndNotPerKind) {
    const route::Price third{
        .input = {400'000}, .cached_input = {400'000}, .output = {200'000}, .known = true};
    EXPECT_EQ(cost(third, usage(1, 1, 0, 1, 0)), MicroUsd{1});  // 0.4 + 0.4 + 0.2
    EXPECT_EQ(cost(third, usage(1, 0, 0, 0, 0)), MicroUsd{1});
    EXPECT_EQ(cost(third, usage(2, 0, 0, 1, 1)), MicroUsd{2});  // 0.8 + 0.4
    EXPECT_EQ(cost(third, usage(0, 0, 0, 0, 0)), MicroUsd{0});
}

TEST(Cost, IsNothingWithoutAPrice) {
    route::Price unknown = kPrice;
    unknown.known = false;
    EXPECT_EQ(cost(unknown, usage(1'000'000, 0, 0, 1'000'000, 0)), MicroUsd{0});
}

TEST(Cost, StaysAtTheMaximumInsteadOfWrapping) {
    const std::int64_t huge = 1'000'000'000'000;
    const MicroUsd most = cost(kPrice, usage(huge, huge, huge, huge, huge));
    EXPECT_EQ(most, round_up(PicoUsd{std::numeric_limits<std::int64_t>::max()}));
}

TEST(Estimate, CountsFourBytesAToken) {
    const request::Usage usage = estimated_usage({100}, 9);
    EXPECT_EQ(usage.input(), Tokens{100});
    EXPECT_EQ(usage.output(), Tokens{3});
    EXPECT_TRUE(usage.estimated);
    EXPECT_EQ(estimated_usage({0}, 0).total(), Tokens{0});
    EXPECT_EQ(request::tokens_of_bytes(8), Tokens{2});
}

TEST(Estimate, OfAnAnswerThatNeverCameIsAllThatWasReserved) {
    const request::Usage usage = reserved_usage({8}, {1'032});
    EXPECT_EQ(usage.input(), Tokens{8});
    EXPECT_EQ(usage.output(), Tokens{1'024});
    EXPECT_TRUE(usage.estimated);
}

TEST(Charge, SaysWhatAndWhereAndWhetherThereWasAPrice) {
    const route::Target target{
        .provider = 0, .model = "up", .weight = 1, .price = kPrice, .series = 7};
    const Charge priced = charge(target, usage(1'000'000, 0, 0, 0, 0));
    EXPECT_EQ(priced.cost, MicroUsd{2'500'000});
    EXPECT_EQ(priced.series, 7);
    EXPECT_TRUE(priced.priced);
    const route::Target unpriced{.provider = 0, .model = "up", .weight = 1, .price = {}};
    EXPECT_FALSE(charge(unpriced, usage(1, 0, 0, 0, 0)).priced);
}

TEST(Charge, OfTwoTheDearerIsTheOneOfMoreMoneyThenOfMoreTokens) {
    const route::Target priced{.provider = 0, .model = "a", .weight = 1, .price = kPrice};
    const route::Target unpriced{.provider = 0, .model = "b", .weight = 1, .price = {}};
    const Charge small = charge(priced, usage(1, 0, 0, 0, 0));
    const Charge free = charge(unpriced, usage(9'000, 0, 0, 0, 0));
    const Charge free_less = charge(unpriced, usage(8'000, 0, 0, 0, 0));
    EXPECT_TRUE(small.dearer_than(free));
    EXPECT_FALSE(free.dearer_than(small));
    EXPECT_TRUE(free.dearer_than(free_less));
    EXPECT_FALSE(free.dearer_than(free));
}

}  // namespace
}  // namespace vidai::node::meter
