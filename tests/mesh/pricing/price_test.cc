// SPDX-License-Identifier: Apache-2.0
#include "mesh/pricing/price.h"

#include <gtest/gtest.h>

#include "mesh/pricing/rate_card.h"
#include "tests/mesh/pricing/cards.h"

namespace vidai::mesh::pricing {
namespace {

TEST(Price, OfALongInputIsThatOfTheHighestTierBelowIt) {
    const RateCard card = card_of(
        "{provider: p, model: m, input: 1usd, output: 2usd, tiers: ["
        "{above: 100, input: 3usd, output: 4usd}, {above: 200, input: 5usd, output: 6usd}]}");
    const Price& price = card.rows[0].price;
    EXPECT_EQ(price.rates_for({0}).input.value, 1'000'000);
    EXPECT_EQ(price.rates_for({100}).input.value, 1'000'000);
    EXPECT_EQ(price.rates_for({101}).input.value, 3'000'000);
    EXPECT_EQ(price.rates_for({200}).output.value, 4'000'000);
    EXPECT_EQ(price.rates_for({201}).output.value, 6'000'000);
}

TEST(Price, OfAServiceTierIsAShareOfTheRates) {
    const RateCard card =
        card_of("{provider: p, model: m, input: 1usd, output: 2usd, flex: 50%, priority: 175%}");
    const Price& price = card.rows[0].price;
    EXPECT_EQ(price.percent(ServiceTier::kStandard), 100);
    EXPECT_EQ(price.percent(ServiceTier::kFlex), 50);
    EXPECT_EQ(price.percent(ServiceTier::kPriority), 175);
    EXPECT_EQ(Price{}.percent(ServiceTier::kPriority), 0) << "nobody knows what it costs";
}

TEST(History, ChangesAtTheMomentThatTheCardSays) {
    const RateCard card = card_of(
        "{provider: p, model: m, from: 2026-01-01, to: 2026-02-01, input: 1usd, output: 1usd}",
        "{provider: p, model: m, from: 2026-02-01, to: 2026-03-01, input: 2usd, output: 2usd}",
        "{provider: p, model: m, from: 2026-04-01, input: 3usd, output: 3usd}");
    const PriceHistory history = card.history("p", "m");
    const auto at = [&](const char* day) { return history.at(*parse_day(day)); };
    EXPECT_FALSE(at("2025-12-31T23:59:59Z").known);
    EXPECT_EQ(at("2026-01-01").rates.input.value, 1'000'000);
    EXPECT_EQ(at("2026-01-31T23:59:59Z").rates.input.value, 1'000'000);
    EXPECT_EQ(at("2026-02-01").rates.input.value, 2'000'000);
    EXPECT_FALSE(at("2026-03-01").known) << "a gap has no price";
    EXPECT_EQ(at("2030-01-01").rates.input.value, 3'000'000);
}

TEST(History, TakesTheRowThatNamesMoreExactly) {
    const RateCard card = card_of(
        "{provider: '*', model: '*', input: 9usd, output: 9usd}",
        "{provider: p, model: 'gpt-4o*', input: 3usd, output: 3usd}",
        "{provider: p, model: ['gpt-4o-mini', 'gpt-4o-mini-20*'], input: 1usd, output: 1usd}",
        "{provider: p, model: gpt-4o-mini-2024-07-18, to: 2025-01-01, input: 2usd, output: 2usd}");
    const auto input = [&](const char* provider, const char* model) {
        return card.history(provider, model).at(*parse_day("2026-01-01")).rates.input.value;
    };
    EXPECT_EQ(input("p", "gpt-4o"), 3'000'000);
    EXPECT_EQ(input("p", "gpt-4o-mini"), 1'000'000);
    EXPECT_EQ(input("p", "gpt-4o-mini-2024-07-18"), 1'000'000) << "the exact one has ended";
    EXPECT_EQ(input("p", "else"), 9'000'000);
    EXPECT_EQ(input("q", "gpt-4o"), 9'000'000) << "a provider counts for more than a model";
}

TEST(History, OfAModelThatNoRowFitsIsEmptyAndNotFree) {
    const RateCard card = card_of("{provider: p, model: m, input: 1usd, output: 1usd}");
    EXPECT_TRUE(card.history("p", "m2").empty());
    EXPECT_TRUE(card.history("p2", "m").empty());
    EXPECT_FALSE(card.history("p", "m2").at(*parse_day("2026-01-01")).known);
}

TEST(Day, IsReadAndPrintedAlike) {
    for (const char* text : {"1970-01-01", "2026-02-28", "2026-11-26T23:59:59Z"}) {
        const auto day = parse_day(text);
        ASSERT_TRUE(day) << text;
        EXPECT_EQ(print_day(*day), text);
    }
    EXPECT_EQ(parse_day("2026-01-02T00:00:00Z"), parse_day("2026-01-02"));
    for (const char* text : {"", "2026-02-29", "2026-13-01", "2026-1-01", "26-01-01", "1969-12-31",
                             "2026-01-01T24:00:00Z", "2026-01-01 12:00:00Z", "2026-01-01T12:00Z",
                             "2026-01--1", "2026-01-01T00:00:-1Z"}) {
        EXPECT_FALSE(parse_day(text)) << text;
    }
}

TEST(History, OfTwoCardsIsThatOfTheFirstWhereItHasAPrice) {
    const RateCard over = card_of(
        "{provider: p, model: m, from: 2026-02-01, to: 2026-03-01, input: 9usd, output: 9usd}");
    const RateCard under = card_of("{provider: p, model: 'm*', input: 1usd, output: 1usd}");
    const PriceHistory both = overlay(over.history("p", "m"), under.history("p", "m"));
    const auto input = [&](const char* day) { return both.at(*parse_day(day)).rates.input.value; };
    EXPECT_EQ(input("2026-01-31"), 1'000'000);
    EXPECT_EQ(input("2026-02-01"), 9'000'000);
    EXPECT_EQ(input("2026-03-01"), 1'000'000);
    EXPECT_EQ(overlay(PriceHistory(), under.history("p", "m")), under.history("p", "m"));
    EXPECT_EQ(overlay(under.history("p", "m"), PriceHistory()), under.history("p", "m"));
    EXPECT_FALSE(overlay(PriceHistory(), PriceHistory()).at(*parse_day("2026-01-01")).known);
}

TEST(History, TakesACeilingOnlyWhereNobodyKnowsAPrice) {
    const RateCard card =
        card_of("{provider: p, model: '*', ceiling: true, input: 9usd, output: 9usd}",
                "{provider: '*', model: 'm*', to: 2026-02-01, input: 1usd, output: 1usd}");
    const auto at = [&](const PriceHistory& of, const char* day) { return of.at(*parse_day(day)); };
    EXPECT_EQ(at(card.history("p", "m"), "2026-01-01").rates.input.value, 1'000'000);
    EXPECT_TRUE(at(card.history("p", "m"), "2026-02-01").ceiling) << "the price has ended";
    EXPECT_TRUE(at(card.history("p", "x"), "2026-01-01").ceiling);
    const RateCard own = card_of("{provider: p, model: x, input: 2usd, output: 2usd}");
    const PriceHistory known = overlay(card.history("p", "x"), own.history("p", "x"));
    EXPECT_FALSE(at(known, "2026-01-01").ceiling) << "a ceiling hides no other card's price";
    EXPECT_TRUE(at(overlay(card.history("p", "y"), own.history("p", "y")), "2026-01-01").ceiling);
    EXPECT_EQ(refused("{provider: p, model: x, ceiling: false, input: 2usd, output: 2usd}"),
              "card.yaml:2: prices[0].ceiling: expected true: this row is what a model without a "
              "price is charged");
}

TEST(Card, OverAnotherIsShownWithWhatThatStillSays) {
    const RateCard over =
        card_of("{provider: p, model: a, input: 9usd, output: 9usd}",
                "{provider: p, model: b, from: 2027-01-01, input: 9usd, output: 9usd}");
    const RateCard under = card_of("{provider: p, model: [a, b, c], input: 1usd, output: 1usd}");
    const RateCard both = overlay(over, under);
    ASSERT_EQ(both.rows.size(), 3U);
    EXPECT_EQ(both.rows[2].models, (std::vector<std::string>{"b", "c"}));
}

}  // namespace
}  // namespace vidai::mesh::pricing
