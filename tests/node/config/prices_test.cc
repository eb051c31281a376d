// SPDX-License-Identifier: Apache-2.0
// What a target costs: by the rate card that is configured, by the one that ships, or by a price
// of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/config/load.h"
#include "tests/node/config/sources.h"

namespace vidai::node::config {
namespace {

using mesh::pricing::Price;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kBase =
    "providers: {mine: {base_url: 'http://h'}, openai: {base_url: 'http://h'}}\n"
    "models:\n"
    "  card: [{provider: mine, model: big-1}]\n"
    "  own: [{provider: mine, model: big-1, price: {input: 2usd, output: 3usd}}]\n"
    "  shipped: [{provider: openai, model: gpt-4o-mini}]\n"
    "  nobody: [{provider: mine, model: unheard-of}]\n";
constexpr const char* kCard =
    "prices:\n"
    "  - {provider: mine, model: 'big-*', to: 2026-01-01, input: 1usd, output: 5usd,\n"
    "     context_window: 1000}\n"
    "  - {provider: mine, model: 'big-*', from: 2026-01-01, input: 4usd, output: 8usd,\n"
    "     context_window: 9000, output_max: 500}\n";

TestSources with_card(const std::string& card) {
    TestSources sources = with_file(std::string(kBase) + "pricing: {card: rates.yaml}\n");
    sources.files["rates.yaml"] = card;
    return sources;
}
const Price& price(const Config& config, std::size_t alias, const char* day) {
    return config.route.aliases[alias].groups[0][0].prices.at(*mesh::pricing::parse_day(day));
}

TEST(Prices, AreThoseOfTheCardAtEachTime) {
    const Result<Config> config = with_card(kCard).load_all();
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(price(*config, 0, "2025-12-31").rates.input.value, 1'000'000);
    EXPECT_EQ(price(*config, 0, "2026-01-01").rates.input.value, 4'000'000);
    EXPECT_FALSE(price(*config, 2, "2026-01-01").known) << "the one that ships does not hold";
    EXPECT_FALSE(price(*config, 3, "2026-01-01").known);
}

TEST(Prices, AreThoseThatShipWhereNoCardIsNamed) {
    const Result<Config> config = load_text(kBase);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(price(*config, 2, "2026-01-01").rates.input.value, 150'000);
    EXPECT_FALSE(price(*config, 0, "2026-01-01").known);
}

TEST(Prices, OfATargetsOwnStandInPlaceOfTheCardsButNotOfItsLimits) {
    const Result<Config> config = with_card(kCard).load_all();
    ASSERT_TRUE(config) << config.error().message;
    for (const char* day : {"2025-12-31", "2026-01-01"}) {
        const Price& own = price(*config, 1, day);
        EXPECT_TRUE(own.known);
        EXPECT_EQ(own.rates.input.value, 2'000'000);
        EXPECT_EQ(own.rates.cache_write.value, 2'000'000);
        EXPECT_EQ(own.rates.reasoning.value, 3'000'000);
    }
    EXPECT_EQ(price(*config, 1, "2025-12-31").limits.context_window.value, 1'000);
    EXPECT_EQ(price(*config, 1, "2026-01-01").limits.output_max.value, 500);
    EXPECT_TRUE(price(*load_text(kBase), 1, "2026-01-01").known) << "a card that lacks the model";
}

TEST(Prices, AreRefusedWithTheLineOfTheCardThatIsWrong) {
    TestSources sources = with_card("prices:\n  - {provider: mine, model: m, inptu: 1usd}\n");
    Result<Config> config = sources.load_all();
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().param, "pricing.card");
    EXPECT_THAT(config.error().message, HasSubstr("vidai.yaml:7: pricing.card: "));
    EXPECT_THAT(config.error().message, HasSubstr("\nrates.yaml:2: prices[0].inptu: unknown key"));
    EXPECT_THAT(config.error().message, HasSubstr("vidaictl price check rates.yaml"));
    sources.files.erase("rates.yaml");
    config = sources.load_all();
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error().message, HasSubstr("pricing.card: cannot read rates.yaml"));
}

TEST(Prices, InAnotherUnitThanPerMillionAreRefused) {
    const Result<Config> config =
        with_card("prices: [{provider: openai, model: gpt-4o-mini, input: 150usd, output: 600usd}]")
            .load_all();
    ASSERT_FALSE(config);
    EXPECT_THAT(config.error().message, HasSubstr("rates.yaml:1: prices[0]: input"));
}

TEST(Prices, ThatChangedInTheirFileAreFoundOnReload) {
    const TestSources before = with_card(kCard);
    std::string dearer = kCard;
    dearer.replace(dearer.find("output: 8usd"), 12, "output: 9usd");
    const TestSources after = with_card(dearer);
    EXPECT_THAT(diff(*before.load_all(), *before.load_all())->changed, ElementsAre());
    EXPECT_THAT(diff(*before.load_all(), *after.load_all())->changed, ElementsAre("pricing.card"));
    EXPECT_THAT(diff(*load_text(kBase), *before.load_all())->changed, ElementsAre("pricing.card"));
}

}  // namespace
}  // namespace vidai::node::config
