// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "mesh/pricing/rate_card.h"

namespace vidai::mesh::pricing {
namespace {

const WallTime kToday = *parse_day("2026-11-26");

TEST(DefaultCard, KnowsWellKnownModelsOfEachProvider) {
    const auto price = [](const char* provider, const char* model) {
        return default_card().history(provider, model).at(kToday);
    };
    EXPECT_EQ(price("openai", "gpt-4o-mini").rates.input.value, 150'000);
    EXPECT_EQ(price("openai", "gpt-4o-mini-2024-07-18").rates.output.value, 600'000);
    EXPECT_EQ(price("openai", "gpt-4o-2024-08-06").rates.input.value, 2'500'000);
    EXPECT_EQ(price("openai", "gpt-4o-2024-05-13").rates.input.value, 5'000'000);
    EXPECT_EQ(price("anthropic", "claude-sonnet-4-5").rates_for({200'001}).output.value,
              22'500'000);
    EXPECT_EQ(price("google", "gemini-2.5-pro").rates_for({200'001}).input.value, 2'500'000);
    EXPECT_FALSE(price("openai", "gpt-4o-search-preview").known)
        << "each request also has a fee that nobody can bound";
    EXPECT_FALSE(price("openai", "gpt-4o-ultra").known) << "a new model is no cheap old one";
}

TEST(DefaultCard, SaysOfEachModelWhatBoundsARequest) {
    ASSERT_FALSE(default_card().dated.empty());
    for (const Row& row : default_card().rows) {
        SCOPED_TRACE(row.models[0]);
        EXPECT_GT(row.price.limits.context_window.value, 0);
        EXPECT_GT(row.price.limits.output_max.value, 0);
        EXPECT_LE(row.price.rates.cached_input, row.price.rates.input);
        EXPECT_GE(row.price.rates.cache_write, row.price.rates.input);
    }
}

TEST(DefaultCard, IsReadBackFromItsCanonicalText) {
    const Result<RateCard> again = read_card(card_text(default_card()), "again");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, default_card());
}

}  // namespace
}  // namespace vidai::mesh::pricing
