// SPDX-License-Identifier: Apache-2.0
#include "node/meter/bound.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schema/base/rng.h"

namespace vidai::node::meter {
namespace {

using mesh::pricing::Price;
using mesh::pricing::ServiceTier;
using request::CostFacts;
using testing::HasSubstr;

// 1 and 4 dollars per million tokens; cache writes and reasoning are dearer.
Price price() {
    Price made;
    made.rates = {.input = {1'000'000},
                  .cached_input = {100'000},
                  .cache_write = {2'000'000},
                  .output = {4'000'000},
                  .reasoning = {5'000'000},
                  .audio_input = {},
                  .audio_output = {}};
    made.limits = {.context_window = {10'000},
                   .output_max = {1'000},
                   .image_max = {500},
                   .useful_output = {64}};
    made.known = true;
    return made;
}

CostFacts text(std::int64_t bytes) {
    CostFacts facts;
    facts.text_bytes = bytes;
    return facts;
}

std::string refused(const CostFacts& facts, const Price& of) {
    const Result<Bound> bound = upper_bound(facts, of);
    return bound ? "bounded" : bound.error().param + ": " + bound.error().message;
}

TEST(UpperBound, IsATokenForEachByteAndTheDearestOfEachKind) {
    const Result<Bound> bound = upper_bound(text(100), price());
    ASSERT_TRUE(bound);
    EXPECT_EQ(bound->input, Tokens{100});
    EXPECT_EQ(bound->output, Tokens{1'000});
    EXPECT_EQ(bound->cost, MicroUsd{2 * 100 + 5 * 1'000});
}

TEST(UpperBound, CountsEachChoiceThePredictionToolsAndTheFee) {
    CostFacts facts = text(100);
    facts.output_asked = Tokens{10};
    facts.choices = 3;
    EXPECT_EQ(upper_bound(facts, price())->cost, MicroUsd{200 + 3 * 50});
    facts.prediction_bytes = 7;
    EXPECT_EQ(upper_bound(facts, price())->cost, MicroUsd{200 + 3 * 50 + 7 * 5});
    facts.tools = true;
    Price with_fee = price();
    with_fee.request = {9};
    EXPECT_EQ(upper_bound(facts, with_fee)->cost, MicroUsd{200 + 2 * 1'024 + 3 * 50 + 7 * 5 + 9});
}

TEST(UpperBound, IsNeverAboveWhatTheModelTakesAndGives) {
    CostFacts facts = text(1'000'000);
    facts.output_asked = Tokens{1'000'000};
    const Result<Bound> bound = upper_bound(facts, price());
    EXPECT_EQ(bound->input, Tokens{10'000});
    EXPECT_EQ(bound->output, Tokens{1'000});
}

TEST(UpperBound, TakesADearerTierAsSoonAsTheInputMayReachIt) {
    Price tiered = price();
    tiered.tier_count = 1;
    tiered.tier_table[0] = {.above = {100}, .rates = tiered.rates};
    tiered.tier_table[0].rates.output = {50'000'000};
    EXPECT_EQ(upper_bound(text(100), tiered)->cost, MicroUsd{200 + 5'000});
    EXPECT_EQ(upper_bound(text(101), tiered)->cost, MicroUsd{202 + 50'000});
    tiered.tier_table[0].rates = {};  // a cheaper one may not apply: less may have gone in
    EXPECT_EQ(upper_bound(text(101), tiered)->cost, MicroUsd{202 + 5'000});
}

TEST(UpperBound, OfImagesIsThePublishedMostAndElseTheWindow) {
    CostFacts facts = text(100);
    facts.images = 2;
    EXPECT_EQ(upper_bound(facts, price())->input, Tokens{1'100});
    Price unpublished = price();
    unpublished.limits.image_max = {};
    EXPECT_EQ(upper_bound(facts, unpublished)->input, Tokens{10'000});
    unpublished.limits.context_window = {};
    EXPECT_THAT(refused(facts, unpublished), HasSubstr("messages: "));
    facts.images = 0;
    EXPECT_EQ(upper_bound(facts, unpublished)->input, Tokens{100});
    facts.documents = true;
    EXPECT_EQ(upper_bound(facts, price())->input, Tokens{10'000});
    EXPECT_THAT(refused(facts, unpublished), HasSubstr("messages: "));
}

TEST(UpperBound, PricesAudioAndServiceTiersOrRefusesThem) {
    CostFacts facts = text(100);
    facts.audio_output = true;
    EXPECT_THAT(refused(facts, price()), HasSubstr("modalities: "));
    Price speaks = price();
    speaks.audio = true;
    speaks.rates.audio_input = {20'000'000};
    speaks.rates.audio_output = {80'000'000};
    EXPECT_EQ(upper_bound(facts, speaks)->cost, MicroUsd{200 + 80'000});
    facts.audio_input = true;
    EXPECT_EQ(upper_bound(facts, speaks)->cost, MicroUsd{20 * 10'000 + 80'000});

    CostFacts fast = text(100);
    fast.service = ServiceTier::kPriority;
    EXPECT_THAT(refused(fast, price()), HasSubstr("service_tier: "));
    Price hurried = price();
    hurried.priority_percent = 175;
    hurried.flex_percent = 50;
    EXPECT_EQ(upper_bound(fast, hurried)->cost, MicroUsd{(200 + 5'000) * 175 / 100});
    fast.service = ServiceTier::kFlex;
    EXPECT_EQ(upper_bound(fast, hurried)->cost, MicroUsd{5'200}) << "it may be served as usual";
}

TEST(UpperBound, RefusesWhatHasNone) {
    CostFacts facts = text(100);
    facts.open_ended = "web_search_options";
    EXPECT_THAT(refused(facts, price()), HasSubstr("web_search_options: This key stands"));
    EXPECT_EQ(upper_bound(facts, price()).error().code, ErrorCode::kCostUnbounded);
    EXPECT_THAT(refused(text(100), Price{}), HasSubstr("model: "));
    EXPECT_EQ(upper_bound(text(100), Price{}).error().code, ErrorCode::kPriceUnknown);
    Price endless = price();
    endless.limits.output_max = {};
    EXPECT_THAT(refused(text(100), endless), HasSubstr("send max_completion_tokens"));
    CostFacts asked = text(100);
    asked.output_asked = Tokens{7};
    EXPECT_EQ(upper_bound(asked, endless)->output, Tokens{7});
}

TEST(UpperBound, OfWhatIsFreeIsNothingWhateverIsAsked) {
    Price free;
    free.known = true;
    CostFacts facts = text(100);
    facts.open_ended = "plugins";
    facts.documents = true;
    EXPECT_EQ(upper_bound(facts, free)->cost, MicroUsd{0});
    EXPECT_TRUE(affordable_output(facts, free, {0}));
    free.request = {1};
    EXPECT_FALSE(upper_bound(facts, free));
}

TEST(UpperBound, StaysAtTheMaximumInsteadOfWrapping) {
    Price huge = price();
    huge.rates.output = {100'000'000'000};
    huge.limits.output_max = {};
    CostFacts facts = text(std::numeric_limits<std::uint32_t>::max());
    facts.output_asked = Tokens{std::numeric_limits<std::int32_t>::max()};
    facts.choices = 128;
    facts.prediction_bytes = facts.text_bytes;
    EXPECT_GT(upper_bound(facts, huge)->cost.value, 27'000'000'000'000'000);
    huge.rates.output = {std::numeric_limits<std::int64_t>::max()};
    EXPECT_EQ(upper_bound(facts, huge)->cost.value, std::numeric_limits<std::int64_t>::max());
}

TEST(AffordableOutput, IsTheLongestWhoseBoundTheMoneyCovers) {
    Rng rng(11);
    for (int i = 0; i < 2'000; ++i) {
        Price of = price();
        of.rates.output = {static_cast<std::int64_t>(1 + rng.below(70'000'000))};
        of.request = {static_cast<std::int64_t>(rng.below(50))};
        of.priority_percent = static_cast<std::uint16_t>(100 + rng.below(200));
        CostFacts facts = text(static_cast<std::int64_t>(rng.below(5'000)));
        facts.choices = static_cast<std::int64_t>(1 + rng.below(4));
        facts.service = rng.below(2) == 0 ? ServiceTier::kStandard : ServiceTier::kPriority;
        const MicroUsd money{static_cast<std::int64_t>(rng.below(100'000))};
        const Result<Tokens> output = affordable_output(facts, of, money);
        CostFacts asked = facts;
        asked.output_asked = output ? *output : of.limits.useful_output;
        const MicroUsd cost = upper_bound(asked, of)->cost;
        if (!output) {
            EXPECT_EQ(output.error().code, ErrorCode::kResourceExhausted);
            EXPECT_GT(cost, money) << "refused what the money covers";
            continue;
        }
        EXPECT_LE(cost, money);
        EXPECT_GE(*output, of.limits.useful_output);
        if (*output == of.limits.output_max) continue;
        asked.output_asked = *output + Tokens{1};
        EXPECT_GT(upper_bound(asked, of)->cost, money) << "one more was affordable";
    }
}

TEST(AffordableOutput, IsNoMoreThanWasAskedAndRefusesWithoutABound) {
    CostFacts facts = text(10);
    facts.output_asked = Tokens{5};
    EXPECT_EQ(*affordable_output(facts, price(), {1'000'000}), Tokens{5});
    EXPECT_EQ(*affordable_output(facts, price(), {20 + 25}), Tokens{5}) << "less than useful";
    EXPECT_FALSE(affordable_output(facts, price(), {20 + 24}));
    facts.open_ended = "plugins";
    EXPECT_EQ(affordable_output(facts, price(), {1'000'000}).error().code,
              ErrorCode::kCostUnbounded);
}

}  // namespace
}  // namespace vidai::node::meter
