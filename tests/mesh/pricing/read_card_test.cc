// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mesh/pricing/rate_card.h"
#include "tests/mesh/pricing/cards.h"

namespace vidai::mesh::pricing {
namespace {

using testing::HasSubstr;

constexpr const char* kFull =
    "{provider: openai, model: [a, 'a-20*'], from: 2026-01-01, to: 2027-01-01, input: 2.5usd, "
    "cached_input: 1.25usd, cache_write: 3usd, output: 10usd, reasoning: 11usd, audio_input: "
    "40usd, audio_output: 80usd, request: 0.01usd, batch: 50%, flex: 50%, priority: 175%, "
    "context_window: 128000, output_max: 16384, image_max: 1445, useful_output: 16, tiers: "
    "[{above: 1000, input: 5usd, output: 20usd}], note: 'a \"contract\" of ours'}";

TEST(ReadCard, TakesAllThatAPriceMaySay) {
    const Row row = card_of(kFull).rows[0];
    EXPECT_EQ(row.provider, "openai");
    EXPECT_EQ(row.models, (std::vector<std::string>{"a", "a-20*"}));
    EXPECT_EQ(row.from, *parse_day("2026-01-01"));
    EXPECT_EQ(row.to, *parse_day("2027-01-01"));
    const Price& price = row.price;
    EXPECT_TRUE(price.known && price.audio);
    EXPECT_EQ(price.rates.cache_write.value, 3'000'000);
    EXPECT_EQ(price.rates.audio_output.value, 80'000'000);
    EXPECT_EQ(price.request, MicroUsd{10'000});
    EXPECT_EQ(price.batch_percent, 50);
    EXPECT_EQ(price.limits.useful_output, Tokens{16});
    ASSERT_EQ(price.tiers().size(), 1u);
    EXPECT_EQ(price.tiers()[0].rates.cached_input.value, 5'000'000) << "never cheaper than said";
    EXPECT_EQ(price.tiers()[0].rates.audio_input.value, 40'000'000);
}

TEST(ReadCard, TakesWhatIsLeftOutForWhatItIsNearestTo) {
    const Price price = card_of("{provider: p, model: m, input: 1usd, output: 3usd}").rows[0].price;
    EXPECT_EQ(price.rates.cached_input.value, 1'000'000);
    EXPECT_EQ(price.rates.cache_write.value, 1'000'000);
    EXPECT_EQ(price.rates.reasoning.value, 3'000'000);
    EXPECT_FALSE(price.audio);
    EXPECT_EQ(price.limits.context_window, Tokens{0});
    EXPECT_EQ(price.priority_percent, 0);
}

TEST(ReadCard, IsReadBackFromItsCanonicalText) {
    const RateCard card = card_of(kFull, "{provider: '*', model: '*', input: 0usd, output: 0usd}");
    const Result<RateCard> again = read_card(card_text(card), "again");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, card);
    EXPECT_EQ(card_text(*again), card_text(card));
}

TEST(ReadCard, TakesJsonAsWell) {
    const auto card = read_card(
        R"({"card": "c", "dated": "2026-01-01", "prices": [{"provider": "p", "model": "m",)"
        R"( "input": "1usd", "output": "2usd"}]})",
        "card.json");
    ASSERT_TRUE(card) << card.error().message;
    EXPECT_EQ(card->name, "c");
    EXPECT_EQ(card->rows[0].price.rates.output.value, 2'000'000);
}

TEST(ReadCard, NamesTheLineAndThePlaceOfEachMistake) {
    EXPECT_EQ(refused("{provider: p, model: m, input: 1usd, output: 2usd}",
                      "{provider: p, modell: n, input: 1usd, output: 2usd}"),
              "card.yaml:3: prices[1].modell: unknown key; did you mean 'model'?\n"
              "card.yaml:3: prices[1]: model is missing");
    EXPECT_THAT(refused("{provider: p, model: m}"), HasSubstr("input is missing"));
    EXPECT_THAT(refused("{provider: p, model: m}"), HasSubstr("output is missing"));
    EXPECT_THAT(refused("x"), HasSubstr("prices[0]: expected a map"));
}

TEST(ReadCard, RefusesAmountsThatAreNone) {
    for (const char* usd : {"-1usd", "1", "usd", "1.usd", "0.0000001usd", "1e3usd", "1,5usd",
                            "99999999999usd", "1 usd", "+1usd", "0x1usd", "~", "[1usd]"}) {
        EXPECT_THAT(
            refused("{provider: p, model: m, output: 1usd, input: " + std::string(usd) + "}"),
            HasSubstr("prices[0].input: expected a price per million tokens"))
            << usd;
        EXPECT_THAT(refused("{provider: p, model: m, input: 1usd, output: 1usd, request: " +
                            std::string(usd) + "}"),
                    HasSubstr("prices[0].request: expected the fee"))
            << usd;
    }
}

TEST(ReadCard, RefusesCountsSharesAndDaysThatAreNone) {
    const auto with = [](const std::string& member) {
        return refused("{provider: p, model: m, input: 1usd, output: 1usd, " + member + "}");
    };
    for (const char* count : {"0", "-1", "1.5", "1e3", "100000001", "x", "[]"}) {
        EXPECT_THAT(with("output_max: " + std::string(count)), HasSubstr("a whole number of"));
    }
    for (const char* share : {"0%", "50", "1001%", "-5%", "0.5", "50%%"}) {
        EXPECT_THAT(with("batch: " + std::string(share)), HasSubstr("a share of the rates"));
    }
    for (const char* day : {"today", "2026-02-30", "1", "[]"}) {
        EXPECT_THAT(with("from: " + std::string(day)), HasSubstr("expected a day"));
    }
    EXPECT_THAT(with("from: 2026-02-01, to: 2026-02-01"), HasSubstr("must be later than from"));
    EXPECT_THAT(with("output_max: 10, useful_output: 11"), HasSubstr("not be more than output"));
    EXPECT_THAT(with("audio_input: 1usd"), HasSubstr("given together or not at all"));
    EXPECT_THAT(with("tiers: []"), HasSubstr("expected a list of 1 to 3 tiers"));
    EXPECT_THAT(with("tiers: [{input: 1usd, output: 1usd}]"), HasSubstr("above is missing"));
    EXPECT_THAT(with("tiers: [{above: 9, input: 1usd, output: 1usd}, "
                     "{above: 9, input: 1usd, output: 1usd}]"),
                HasSubstr("rising order"));
}

TEST(ReadCard, RefusesNamesThatCouldNameAnything) {
    for (const char* name : {"''", "'a b'", "'a*b'", "'**'", "[]", "[a, a]", "{}", "~"}) {
        EXPECT_THAT(
            refused("{provider: p, input: 1usd, output: 1usd, model: " + std::string(name) + "}"),
            HasSubstr("prices[0].model: expected a model"))
            << name;
    }
}

TEST(ReadCard, RefusesTwoPricesOfOneModelAtOneTime) {
    const char* const whole = "{provider: p, model: [m, n], input: 1usd, output: 1usd}";
    EXPECT_THAT(refused(whole, "{provider: p, model: n, input: 2usd, output: 1usd}"),
                HasSubstr("card.yaml:3: prices[1]: n has at the same time the price of line 2"));
    EXPECT_THAT(refused(whole,
                        "{provider: p, model: m, from: 2026-01-01, input: 2usd, "
                        "output: 1usd}"),
                HasSubstr("m has at the same time"));
    EXPECT_EQ(refused(whole, "{provider: q, model: m, input: 2usd, output: 1usd}"), "accepted");
    EXPECT_EQ(refused("{provider: p, model: m, to: 2026-01-01, input: 1usd, output: 1usd}",
                      "{provider: p, model: m, from: 2026-01-01, input: 2usd, output: 1usd}"),
              "accepted");
}

TEST(ReadCard, RefusesAnEmptyCardAndWhatIsNone) {
    EXPECT_FALSE(read_card("", "f"));
    EXPECT_FALSE(read_card("[]", "f"));
    EXPECT_FALSE(read_card("prices: []", "f"));
    EXPECT_FALSE(read_card("prices: {a: b}", "f"));
    EXPECT_FALSE(read_card("dated: today\nprices: [{provider: p}]", "f"));
    EXPECT_THAT(read_card("prices: [", "f").error().message, HasSubstr("not valid YAML"));
    EXPECT_THAT(read_card(std::string(kCardBytesMax + 1, ' '), "f").error().message,
                HasSubstr("longer than"));
}

TEST(ReadCard, SaysTwentyMistakesAndCountsTheRest) {
    std::string text = "prices:\n";
    for (int i = 0; i < 30; ++i) text += "  - x\n";
    EXPECT_THAT(read_card(text, "f").error().message, HasSubstr("\nand 10 more"));
}

}  // namespace
}  // namespace vidai::mesh::pricing
