// SPDX-License-Identifier: Apache-2.0
#include "node/route/route_table.h"

#include <map>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vidai::node::route {
namespace {

using testing::HasSubstr;

Target target(std::uint16_t provider, std::string model, std::uint32_t weight = 1) {
    Target made;
    made.provider = provider;
    made.model = std::move(model);
    made.weight = weight;
    return made;
}

RouteTable table(std::vector<Alias> aliases) {
    auto made = RouteTable::make({std::move(aliases), 3}, 8);
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
}

std::vector<std::string> models(const Plan& plan) {
    std::vector<std::string> names;
    for (const Choice& choice : plan.choices()) names.push_back(choice.target->model);
    return names;
}

TEST(RouteTable, PlansGroupsInTheirOrder) {
    const RouteTable routes =
        table({{"gpt", {{target(0, "a")}, {target(1, "b"), target(2, "c")}, {target(3, "d")}}}});
    Rng rng(1);
    for (int i = 0; i < 100; ++i) {
        const auto plan = routes.plan("gpt", rng);
        ASSERT_TRUE(plan);
        const auto names = models(*plan);
        ASSERT_EQ(names.size(), 4u);
        EXPECT_EQ(names.front(), "a");
        EXPECT_EQ(names.back(), "d");
        EXPECT_EQ((std::set<std::string>{names[1], names[2]}), (std::set<std::string>{"b", "c"}));
        EXPECT_EQ(plan->attempts_max, 3u);
    }
}

TEST(RouteTable, SharesAGroupByWeight) {
    const RouteTable routes =
        table({{"gpt", {{target(0, "a", 70), target(0, "b", 20), target(0, "c", 10)}}}});
    Rng rng(2);
    std::map<std::string, int> first, second_after_a;
    constexpr int kPlans = 30'000;
    for (int i = 0; i < kPlans; ++i) {
        const auto names = models(*routes.plan("gpt", rng));
        ++first[names[0]];
        if (names[0] == "a") ++second_after_a[names[1]];
    }
    EXPECT_NEAR(first["a"], 0.7 * kPlans, 0.02 * kPlans);
    EXPECT_NEAR(first["b"], 0.2 * kPlans, 0.02 * kPlans);
    EXPECT_NEAR(first["c"], 0.1 * kPlans, 0.02 * kPlans);
    EXPECT_NEAR(second_after_a["b"], 2.0 * second_after_a["c"], 0.03 * kPlans);
}

TEST(RouteTable, PlansTheSameForTheSameSeed) {
    const RouteTable routes = table({{"gpt", {{target(0, "a"), target(0, "b"), target(0, "c")}}}});
    Rng one(7), two(7);
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(models(*routes.plan("gpt", one)), models(*routes.plan("gpt", two)));
    }
}

TEST(RouteTable, PlansNoMoreThanAPlanHolds) {
    std::vector<Target> many;
    for (int i = 0; i < 40; ++i) many.push_back(target(0, "m" + std::to_string(i)));
    const RouteTable routes = table({{"gpt", {many, {target(1, "never")}}}});
    Rng rng(3);
    const auto names = models(*routes.plan("gpt", rng));
    EXPECT_EQ(names.size(), kPlanMax);
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), kPlanMax);
}

TEST(RouteTable, NumbersAProvidersModelOnceForAllAliases) {
    const RouteTable routes = table({{"one", {{target(0, "a")}}},
                                     {"two", {{target(1, "a")}}},
                                     {"three", {{target(0, "a")}, {target(0, "b")}}}});
    Rng rng(4);
    const auto endpoint = [&](const char* alias, std::size_t i) {
        return routes.plan(alias, rng)->choices()[i].endpoint;
    };
    EXPECT_EQ(routes.endpoints(), 3u);
    EXPECT_EQ(endpoint("one", 0), endpoint("three", 0));
    EXPECT_NE(endpoint("one", 0), endpoint("two", 0));
    EXPECT_NE(endpoint("three", 0), endpoint("three", 1));
}

TEST(RouteTable, SaysWhichModelItLacksWithoutRepeatingAMegabyte) {
    const RouteTable routes = table({{"gpt", {{target(0, "a")}}}});
    Rng rng(5);
    const auto missing = routes.plan("gtp", rng);
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::kModelNotFound);
    EXPECT_EQ(missing.error().param, "model");
    EXPECT_THAT(missing.error().message, HasSubstr("'gtp'"));
    EXPECT_LT(routes.plan(std::string(1'000'000, 'x'), rng).error().message.size(), 200u);
}

TEST(RouteTable, ListsItsAliasesAsConfigured) {
    const RouteTable routes = table({{"z", {{target(0, "a")}}}, {"b", {{target(0, "a")}}}});
    ASSERT_EQ(routes.aliases().size(), 2u);
    EXPECT_EQ(routes.aliases()[0].name, "z");
    EXPECT_EQ(routes.aliases()[1].name, "b");
}

TEST(RouteTable, NamesTheAliasWhoseConfigurationIsWrong) {
    const auto refused = [](std::vector<Alias> aliases, std::uint32_t attempts = 3) {
        const auto made = RouteTable::make({std::move(aliases), attempts}, 2);
        return made ? std::string("accepted") : made.error().message;
    };
    const Alias good{"good", {{target(1, "m")}}};
    EXPECT_EQ(refused({good}), "accepted");
    EXPECT_THAT(refused({good, good}), HasSubstr("'good': is defined twice"));
    EXPECT_THAT(refused({{"bad", {{target(2, "m")}}}}), HasSubstr("'bad'"));
    EXPECT_THAT(refused({{"bad", {{target(1, "")}}}}), HasSubstr("'bad'"));
    EXPECT_THAT(refused({{"bad", {{target(1, "m", 0)}}}}), HasSubstr("weight"));
    EXPECT_THAT(refused({{"bad", {{target(1, "m", 1'001)}}}}), HasSubstr("weight"));
    EXPECT_THAT(refused({{"bad", {{}}}}), HasSubstr("group"));
    EXPECT_THAT(refused({{"bad", {}}}), HasSubstr("'bad'"));
    EXPECT_THAT(refused({{"", {{target(1, "m")}}}}), HasSubstr("name"));
    EXPECT_THAT(refused({good}, 0), HasSubstr("attempts_max"));
    EXPECT_THAT(refused({good}, 9), HasSubstr("attempts_max"));
}

}  // namespace
}  // namespace vidai::node::route
