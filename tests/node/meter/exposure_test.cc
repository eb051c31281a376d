// SPDX-License-Identifier: Apache-2.0
#include "node/meter/exposure.h"

#include <array>
#include <optional>

#include <gtest/gtest.h>

#include "node/meter/meter.h"
#include "schema/base/rng.h"

namespace vidai::node::meter {
namespace {

using mesh::pricing::Price;
using mesh::pricing::ServiceTier;
using request::CostFacts;
using request::Usage;

// So many dollars per million tokens in and out, 20,000 of them out at most.
Price price(std::int64_t in, std::int64_t out) {
    Price made;
    made.rates.input = made.rates.cached_input = made.rates.cache_write = {in * 1'000'000};
    made.rates.output = made.rates.reasoning = {out * 1'000'000};
    made.limits = {.context_window = {100'000},
                   .output_max = {20'000},
                   .image_max = {},
                   .useful_output = {64}};
    made.known = true;
    return made;
}
CostFacts text(std::int64_t bytes) {
    CostFacts facts;
    facts.text_bytes = bytes;
    return facts;
}
Usage used(std::int64_t in, std::int64_t out) {
    Usage usage;
    usage.input_uncached = {in};
    usage.output_visible = {out};
    return usage;
}

const Price kCheap = price(1, 2), kDear = price(2, 8), kFree = price(0, 0);

Exposure of_both(const CostFacts& facts) {
    const std::array<const Price*, 2> prices = {&kCheap, &kDear};
    return *Exposure::of(facts, prices);
}

TEST(Exposure, IsTheDearestOfAllTargets) {
    const Exposure exposure = of_both(text(100));
    EXPECT_EQ(exposure.at(0), MicroUsd{100 + 40'000});
    EXPECT_EQ(exposure.at(1), MicroUsd{200 + 160'000});
    EXPECT_EQ(exposure.dearest(), exposure.at(1));
}

TEST(Exposure, IsNoneWhereOneTargetHasNoPriceOrNoBound) {
    const Price unknown;
    std::array<const Price*, 2> prices = {&kCheap, &unknown};
    EXPECT_EQ(Exposure::of(text(9), prices).error().code, ErrorCode::kPriceUnknown);
    Price endless = kCheap;
    endless.limits.output_max = {};
    prices[1] = &endless;
    EXPECT_EQ(Exposure::of(text(9), prices).error().code, ErrorCode::kCostUnbounded);
}

TEST(Exposure, IsClampedToWhatTheMoneyPaysForAtEachTarget) {
    Exposure exposure = of_both(text(100));
    EXPECT_FALSE(exposure.output_limit());
    ASSERT_TRUE(exposure.clamp({1'000}));
    EXPECT_EQ(exposure.output_limit(), Tokens{100});  // (1,000 - 200) / 8
    EXPECT_EQ(exposure.dearest(), MicroUsd{1'000});
    EXPECT_EQ(exposure.at(0), MicroUsd{100 + 200});
    ASSERT_TRUE(exposure.clamp({200 + 8 * 64})) << "and again, where others were quicker";
    EXPECT_EQ(exposure.output_limit(), Tokens{64});
    EXPECT_FALSE(exposure.clamp({200 + 8 * 64 - 1})) << "of less nobody has any use";
    EXPECT_EQ(exposure.output_limit(), Tokens{64});
    EXPECT_EQ(exposure.dearest(), MicroUsd{712});
}

TEST(Exposure, IsClampedForEachChoice) {
    CostFacts facts = text(100);
    facts.choices = 4;
    Exposure exposure = of_both(facts);
    ASSERT_TRUE(exposure.clamp({200 + 4 * 8 * 70 + 31}));
    EXPECT_EQ(exposure.output_limit(), Tokens{70});
}

TEST(Exposure, OfARequestThatBoundsItselfIsNotClamped) {
    CostFacts facts = text(100);
    facts.output_asked = Tokens{500};
    Exposure exposure = of_both(facts);
    EXPECT_FALSE(exposure.clamp({1'000}));
    EXPECT_FALSE(exposure.output_limit());
    EXPECT_EQ(exposure.dearest(), MicroUsd{4'200});
}

TEST(Exposure, IsNothingAtATargetThatIsFree) {
    const std::array<const Price*, 2> prices = {&kFree, &kCheap};
    Exposure exposure = *Exposure::of(text(100), prices);
    EXPECT_EQ(exposure.at(0), MicroUsd{});
    EXPECT_FALSE(exposure.passed(0, Tokens{1'000'000}));
    ASSERT_TRUE(exposure.clamp({100 + 2 * 80}));
    EXPECT_EQ(exposure.output_limit(), Tokens{80});
    EXPECT_EQ(exposure.left_off(0, {std::nullopt, false, 500}), MicroUsd{});
}

TEST(Exposure, AtMostIsWhatHasBeenUsedAndTheOutputThatMayStillCome) {
    const Exposure exposure = of_both(text(100));
    EXPECT_EQ(exposure.at_most(0, used(20, 5)), MicroUsd{20 + 40'000});
    EXPECT_EQ(exposure.at_most(0, used(20, 30'000)), MicroUsd{20 + 60'000}) << "it has gone beyond";
}

TEST(Exposure, OfAStreamThatIsLeftIsWhatCameAndWhatMayHaveBeenOnItsWay) {
    const Exposure exposure = of_both(text(100));
    EXPECT_EQ(exposure.left_off(0, {std::nullopt, false, 0}), MicroUsd{100 + 2 * 4'096});
    EXPECT_EQ(exposure.left_off(0, {std::nullopt, false, 50}), MicroUsd{100 + 2 * 4'146});
    EXPECT_EQ(exposure.left_off(0, {std::nullopt, false, 90'000}), exposure.at(0));
    EXPECT_EQ(exposure.left_off(0, {used(20, 5), true, 50}), MicroUsd{30});
    EXPECT_EQ(exposure.left_off(0, {used(20, 5), false, 50}), MicroUsd{20 + 2 * 4'101});
    EXPECT_EQ(exposure.left_off(0, {used(20, 19'999), false, 50}), MicroUsd{20 + 40'000});
}

TEST(Exposure, HasThePriceOfTheServiceTierThatWasAskedFor) {
    Price hurried = kCheap;
    hurried.priority_percent = 175;
    hurried.flex_percent = 50;
    const std::array<const Price*, 1> prices = {&hurried};
    CostFacts facts = text(100);
    facts.service = ServiceTier::kPriority;
    EXPECT_EQ(Exposure::of(facts, prices)->cost(0, used(100, 50)), MicroUsd{350});
    EXPECT_EQ(Exposure::of(facts, prices)->cost(0, used(1, 0)), MicroUsd{2}) << "rounded up";
    facts.service = ServiceTier::kFlex;
    EXPECT_EQ(Exposure::of(facts, prices)->cost(0, used(100, 50)), MicroUsd{200});
}

TEST(Exposure, IsPassedByOneTokenMoreThanTheBound) {
    CostFacts facts = text(100);
    facts.output_asked = Tokens{10};
    facts.choices = 2;
    const Exposure exposure = of_both(facts);
    EXPECT_FALSE(exposure.passed(0, Tokens{20}));
    EXPECT_TRUE(exposure.passed(0, Tokens{21}));
}

// Whatever the amounts: a clamped request fits, and what it is charged stays within it.
TEST(Exposure, StaysWithinTheMoneyThatItWasClampedTo) {
    Rng rng(4);
    int clamped = 0;
    for (int i = 0; i < 20'000; ++i) {
        CostFacts facts = text(static_cast<std::int64_t>(1 + rng.below(3'000)));
        facts.choices = static_cast<std::int64_t>(1 + rng.below(4));
        Exposure exposure = of_both(facts);
        const MicroUsd money{static_cast<std::int64_t>(rng.below(60'000))};
        if (!exposure.clamp(money)) continue;
        ++clamped;
        ASSERT_LE(exposure.dearest(), money);
        const std::int64_t output = exposure.output_limit()->value * facts.choices;
        const Usage most = used(facts.text_bytes, output);
        const StreamSeen seen{std::nullopt, false, static_cast<std::int64_t>(rng.below(9'000))};
        for (const std::size_t target : {0U, 1U}) {
            ASSERT_LE(exposure.cost(target, most), exposure.at(target));
            ASSERT_LE(exposure.at_most(target, used(facts.text_bytes, 3)), exposure.at(target));
            ASSERT_LE(exposure.left_off(target, seen), exposure.at(target));
        }
    }
    EXPECT_GT(clamped, 10'000);
}

TEST(Exposure, HasThePriceOfTheServiceTierThatTheAnswerNames) {
    Price tiered = kCheap;
    tiered.priority_percent = 175;
    tiered.flex_percent = 50;
    const std::array<const Price*, 1> prices = {&tiered};
    CostFacts facts = text(100);
    const auto cost = [&](ServiceTier asked, std::optional<ServiceTier> served) {
        facts.service = asked;
        Usage usage = used(100, 50);
        usage.served = served;
        return Exposure::of(facts, prices)->cost(0, usage).value;
    };
    EXPECT_EQ(cost(ServiceTier::kFlex, ServiceTier::kFlex), 100);
    EXPECT_EQ(cost(ServiceTier::kFlex, ServiceTier::kStandard), 200);
    EXPECT_EQ(cost(ServiceTier::kFlex, std::nullopt), 200) << "it may have been busy";
    EXPECT_EQ(cost(ServiceTier::kPriority, ServiceTier::kStandard), 200);
    EXPECT_EQ(cost(ServiceTier::kStandard, ServiceTier::kPriority), 350) << "a project's default";
    tiered.priority_percent = 0;
    EXPECT_EQ(cost(ServiceTier::kStandard, ServiceTier::kPriority), 200) << "of no known share";
}

}  // namespace
}  // namespace vidai::node::meter
