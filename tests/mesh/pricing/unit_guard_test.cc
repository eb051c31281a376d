// SPDX-License-Identifier: Apache-2.0
#include "mesh/pricing/unit_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/mesh/pricing/cards.h"

namespace vidai::mesh::pricing {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Price price(std::int64_t input, std::int64_t output) {
    Price made;
    made.rates.input = made.rates.cached_input = made.rates.cache_write = {input};
    made.rates.output = made.rates.reasoning = {output};
    made.known = true;
    return made;
}

TEST(UnitGuard, LetsPassWhatProvidersAsk) {
    EXPECT_THAT(unit_problems(price(150'000, 600'000), nullptr), IsEmpty());
    EXPECT_THAT(unit_problems(price(30'000'000, 600'000'000), nullptr), IsEmpty());
    EXPECT_THAT(unit_problems(price(0, 0), nullptr), IsEmpty()) << "free is a price";
    EXPECT_THAT(unit_problems(default_card(), RateCard{}), IsEmpty());
    EXPECT_THAT(unit_problems(default_card(), default_card()), IsEmpty());
}

TEST(UnitGuard, RefusesPricesPerTokenAndPerThousand) {
    // 0.15usd per million, written as what a thousand and what one cost.
    EXPECT_THAT(refused("{provider: p, model: m, input: 0.00015usd, output: 0.6usd}"),
                HasSubstr("card.yaml:2: prices[0]: input is 0.00015usd per million tokens, less "
                          "than any provider asks"));
    EXPECT_THAT(refused("{provider: p, model: m, input: 0.15usd, output: 0.000001usd}"),
                HasSubstr("output is 0.000001usd"));
    // 10usd per million as nano-dollars, 10^5 off.
    EXPECT_THAT(refused("{provider: p, model: m, input: 1usd, output: 1000000usd}"),
                HasSubstr("more than 0.1usd for one token"));
    EXPECT_THAT(refused("{provider: p, model: m, input: 1usd, output: 1usd, request: 101usd}"),
                HasSubstr("more than 100usd"));
    EXPECT_THAT(refused("{provider: p, model: m, input: 1usd, output: 1usd, tiers: "
                        "[{above: 5, input: 0.0001usd, output: 1usd}]}"),
                HasSubstr("above 5: input is 0.0001usd"));
}

TEST(UnitGuard, RefusesWhatIsFarFromAKnownPriceInEitherDirection) {
    const Price known = price(10'000'000, 30'000'000);
    EXPECT_THAT(unit_problems(price(20'000'000, 30'000'000), &known), IsEmpty());
    const auto dear = unit_problems(price(10'000'000, 30'000'000'000), &known);
    ASSERT_EQ(dear.size(), 2u) << "output, and reasoning that is as output";
    EXPECT_EQ(dear[0],
              "output is 30000usd per million tokens, 1000 times the known price of 30usd per "
              "million tokens; is it per million tokens?");
    EXPECT_THAT(unit_problems(price(10'000'000, 30'000), &known),
                ElementsAre(HasSubstr("output is 0.03usd per million tokens, a 1000th of"),
                            HasSubstr("reasoning")));
}

TEST(UnitGuard, ComparesARowWithTheLatestKnownPriceOfItsModels) {
    const RateCard card =
        card_of("{provider: openai, model: ['gpt-4-20*', gpt-4], input: 0.03usd, output: 0.06usd}");
    const auto found = unit_problems(card, default_card());
    ASSERT_FALSE(found.empty()) << "what a thousand tokens of it cost";
    EXPECT_EQ(found[0].row, 0u);
    EXPECT_THAT(found[0].what, HasSubstr("a 1000th of the known price of 30usd"));
}

}  // namespace
}  // namespace vidai::mesh::pricing
