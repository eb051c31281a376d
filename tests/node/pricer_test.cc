// SPDX-License-Identifier: Apache-2.0
#include "node/pricer.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "node/config/load.h"
#include "node/config/prices.h"
#include "tests/node/config/sources.h"

namespace vidai::node {
namespace {

using mesh::pricing::RateCard;
using mesh::pricing::ServiceTier;
using mesh::usage::Event;

constexpr const char* kConfig =
    "pricing: {card: rates.yaml}\n"
    "providers: {mine: {base_url: 'http://h'}}\n"
    "models:\n"
    "  card: [{provider: mine, model: m}]\n"
    "  own: [{provider: mine, model: m, price: {input: 7usd, output: 7usd}}]\n";
constexpr const char* kCard =
    "prices:\n"
    "  - {provider: mine, model: m, to: 2026-02-01, input: 1usd, output: 2usd, flex: 50%}\n"
    "  - {provider: mine, model: m, from: 2026-02-01, input: 3usd, output: 4usd}\n"
    "  - {provider: mine, model: gone, input: 5usd, output: 5usd}\n";

Event event(const char* day, const char* alias = "card", const char* target = "m") {
    Event made;
    made.time = *mesh::pricing::parse_day(day);
    made.callee = {alias, "mine", target, "chat_completions"};
    made.tokens.input = {100};
    made.tokens.output = {10};
    return made;
}

struct PricerTest : testing::Test {
    config::Config config;
    PricerTest() {
        auto sources = config::with_file(kConfig);
        sources.files["rates.yaml"] = kCard;
        auto loaded = sources.load_all();
        EXPECT_TRUE(loaded) << loaded.error().message;
        config = std::move(*loaded);
    }
    mesh::usage::Judge judge(const char* rows = "") {
        auto applied = std::make_shared<RateCard>();
        if (*rows != 0) {
            *applied = *mesh::pricing::read_card("prices: [" + std::string(rows) + "]", "applied");
        }
        config::Config priced = config;
        config::price_targets(priced, *applied);
        auto table = route::RouteTable::make(priced.route, priced.providers.size());
        auto runtime = std::make_shared<const exchange::Runtime>(std::move(*table),
                                                                 priced.providers, WallTime());
        return make_pricer(std::move(runtime), config, std::move(applied))();
    }
};

TEST_F(PricerTest, PricesACallAsAtItsOwnTime) {
    const auto worth = judge();
    EXPECT_EQ(worth(event("2026-01-15"))->cost.value, 120);
    EXPECT_EQ(worth(event("2026-02-15"))->cost.value, 340);
    EXPECT_EQ(worth(event("2026-02-15"))->price_from, *mesh::pricing::parse_day("2026-02-01"));
    EXPECT_EQ(worth(event("2026-01-15", "own"))->cost.value, 770);
    EXPECT_FALSE(worth(event("2026-01-15", "card", "unheard-of")));
}

TEST_F(PricerTest, PricesByTheShareOfTheTierThatTheCallWasServedIn) {
    Event flex = event("2026-01-15");
    flex.tier = ServiceTier::kFlex;
    EXPECT_EQ(judge()(flex)->cost.value, 60);
    flex.tier = ServiceTier::kPriority;
    EXPECT_EQ(judge()(flex)->cost.value, 120) << "as it was charged: the card has no share of it";
}

TEST_F(PricerTest, PricesByTheAppliedCardAndWhatIsConfiguredNoLongerByTheCards) {
    const char* rows = "{provider: mine, model: m, input: 9usd, output: 9usd}";
    EXPECT_EQ(judge(rows)(event("2026-01-15"))->cost.value, 990);
    EXPECT_EQ(judge(rows)(event("2026-01-15", "removed"))->cost.value, 990);
    EXPECT_EQ(judge(rows)(event("2026-01-15", "removed", "gone"))->cost.value, 550);
    EXPECT_EQ(judge(rows)(event("2026-01-15", "own"))->cost.value, 770);
    const auto ceiling =
        judge("{provider: '*', model: '*', ceiling: true, input: 50usd, output: 50usd}");
    EXPECT_TRUE(ceiling(event("2026-01-15", "card", "unheard-of"))->ceiling);
    EXPECT_FALSE(ceiling(event("2026-01-15"))->ceiling);
}

}  // namespace
}  // namespace vidai::node
