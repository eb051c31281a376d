// SPDX-License-Identifier: Apache-2.0
#include "node/meter/meter.h"

#include <limits>

#include <gtest/gtest.h>

#include "node/request/estimate.h"

namespace vidai::node::meter {
namespace {

using mesh::pricing::Price;
using mesh::pricing::PriceHistory;

// Per million tokens: input, read from a cache, written to one, output, reasoning.
Price price_of(std::int64_t input, std::int64_t cached, std::int64_t written, std::int64_t output,
               std::int64_t reasoning) {
    Price price;
    price.rates = {.input = {input},
                   .cached_input = {cached},
                   .cache_write = {written},
                   .output = {output},
                   .reasoning = {reasoning},
                   .audio_input = {40'000'000},
                   .audio_output = {80'000'000}};
    price.known = true;
    return price;
}
const Price kPrice = price_of(2'500'000, 1'250'000, 3'000'000, 10'000'000, 12'000'000);
const WallTime kNoon{std::chrono::hours(12)};

request::Usage usage(std::int64_t uncached, std::int64_t read, std::int64_t written,
                     std::int64_t visible, std::int64_t reasoning) {
    return {.input_uncached = {uncached},
            .cache_read = {read},
            .cache_write = {written},
            .output_visible = {visible},
            .reasoning = {reasoning},
            .audio_input = {},
            .audio_output = {},
            .estimated = false};
}

TEST(Cost, PricesEachKindOfToken) {
    EXPECT_EQ(cost(kPrice, usage(1'000'000, 0, 0, 0, 0)), MicroUsd{2'500'000});
    EXPECT_EQ(cost(kPrice, usage(0, 1'000'000, 0, 0, 0)), MicroUsd{1'250'000});
    EXPECT_EQ(cost(kPrice, usage(0, 0, 1'000'000, 0, 0)), MicroUsd{3'000'000});
    EXPECT_EQ(cost(kPrice, usage(0, 0, 0, 1'000'000, 0)), MicroUsd{10'000'000});
    EXPECT_EQ(cost(kPrice, usage(0, 0, 0, 0, 1'000'000)), MicroUsd{12'000'000});
    EXPECT_EQ(cost(kPrice, usage(1'000, 200, 0, 300, 100)), MicroUsd{2'500 + 250 + 4'200});
    request::Usage heard;
    heard.audio_input = {1'000};
    EXPECT_EQ(cost(kPrice, heard), MicroUsd{40'000});
    heard.audio_output = {100};
    EXPECT_EQ(cost(kPrice, heard), MicroUsd{48'000});
}

TEST(Cost, IsThatOfTheTierInWhichAllOfTheInputStands) {
    Price price = price_of(1'000'000, 500'000, 0, 2'000'000, 0);
    price.tier_table[0] = {{1'000}, price_of(4'000'000, 3'000'000, 0, 5'000'000, 0).rates};
    price.tier_count = 1;
    EXPECT_EQ(cost(price, usage(900, 100, 0, 10, 0)), MicroUsd{900 + 50 + 20});
    EXPECT_EQ(cost(price, usage(901, 100, 0, 10, 0)), MicroUsd{3'604 + 300 + 50});
}

TEST(Cost, HasTheFeeOfEachRequest) {
    Price price = kPrice;
    price.request = {7'000};
    EXPECT_EQ(cost(price, usage(1'000, 0, 0, 0, 0)), MicroUsd{9'500});
    EXPECT_EQ(cost(price, usage(0, 0, 0, 0, 0)), MicroUsd{7'000});
}

TEST(Cost, RoundsUpOnceAndNotPerKind) {
    const Price third = price_of(400'000, 400'000, 0, 200'000, 200'000);
    EXPECT_EQ(cost(third, usage(1, 1, 0, 1, 0)), MicroUsd{1});  // 0.4 + 0.4 + 0.2
    EXPECT_EQ(cost(third, usage(1, 0, 0, 0, 0)), MicroUsd{1});
    EXPECT_EQ(cost(third, usage(2, 0, 0, 1, 1)), MicroUsd{2});  // 0.8 + 0.4
    EXPECT_EQ(cost(third, usage(0, 0, 0, 0, 0)), MicroUsd{0});
}

TEST(Cost, IsNothingWithoutAPrice) {
    Price unknown = kPrice;
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
    const route::Target target{.provider = 0,
                               .model = "up",
                               .weight = 1,
                               .own_price = {},
                               .prices = PriceHistory(kPrice),
                               .series = 7};
    const Charge priced = charge(target, usage(1'000'000, 0, 0, 0, 0), kNoon);
    EXPECT_EQ(priced.cost, MicroUsd{2'500'000});
    EXPECT_EQ(priced.series, 7);
    EXPECT_TRUE(priced.priced);
    const route::Target unpriced{
        .provider = 0, .model = "up", .weight = 1, .own_price = {}, .prices = {}};
    EXPECT_FALSE(charge(unpriced, usage(1, 0, 0, 0, 0), kNoon).priced);
}

TEST(Charge, IsByThePriceOfTheTimeOfTheRequest) {
    Price dearer = kPrice;
    dearer.rates.input = {5'000'000};
    const route::Target target{
        .provider = 0,
        .model = "up",
        .weight = 1,
        .own_price = {},
        .prices = PriceHistory({{WallTime{std::chrono::hours(6)}, kPrice}, {kNoon, dearer}})};
    const request::Usage used = usage(1'000, 0, 0, 0, 0);
    EXPECT_EQ(charge(target, used, kNoon - std::chrono::milliseconds(1)).cost, MicroUsd{2'500});
    EXPECT_EQ(charge(target, used, kNoon).cost, MicroUsd{5'000});
    EXPECT_FALSE(charge(target, used, WallTime{}).priced) << "before anybody knew";
}

TEST(Charge, OfTwoTheDearerIsTheOneOfMoreMoneyThenOfMoreTokens) {
    const route::Target priced{
        .provider = 0, .model = "a", .weight = 1, .own_price = {}, .prices = PriceHistory(kPrice)};
    const route::Target unpriced{
        .provider = 0, .model = "b", .weight = 1, .own_price = {}, .prices = {}};
    const Charge small = charge(priced, usage(1, 0, 0, 0, 0), kNoon);
    const Charge free = charge(unpriced, usage(9'000, 0, 0, 0, 0), kNoon);
    const Charge free_less = charge(unpriced, usage(8'000, 0, 0, 0, 0), kNoon);
    EXPECT_TRUE(small.dearer_than(free));
    EXPECT_FALSE(free.dearer_than(small));
    EXPECT_TRUE(free.dearer_than(free_less));
    EXPECT_FALSE(free.dearer_than(free));
}

}  // namespace
}  // namespace vidai::node::meter
