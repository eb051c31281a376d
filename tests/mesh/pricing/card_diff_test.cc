// SPDX-License-Identifier: Apache-2.0
#include "mesh/pricing/card_diff.h"

#include <gtest/gtest.h>

#include "tests/mesh/pricing/cards.h"

namespace vidai::mesh::pricing {
namespace {

using Kind = Difference::Kind;

TEST(CardDiff, IsNothingBetweenEqualCards) {
    EXPECT_TRUE(differences(default_card(), default_card()).empty());
}

TEST(CardDiff, NamesWhatCameWentAndChanged) {
    const RateCard old = card_of("{provider: p, model: [a, b], input: 1usd, output: 2usd}",
                                 "{provider: p, model: gone, input: 1usd, output: 2usd}");
    const RateCard next =
        card_of("{provider: p, model: a, input: 1usd, output: 2usd}",
                "{provider: p, model: b, input: 1usd, output: 3usd, output_max: 10}",
                "{provider: p, model: new, from: 2026-01-01, input: 4usd, output: 5usd}");
    const auto found = differences(old, next);
    ASSERT_EQ(found.size(), 6u);
    const auto expect = [&](std::size_t at, Kind kind, const char* model, const char* what,
                            const char* before, const char* after) {
        EXPECT_EQ(found[at].kind, kind);
        EXPECT_EQ(found[at].model, model);
        EXPECT_EQ(found[at].what, what);
        EXPECT_EQ(found[at].before, before);
        EXPECT_EQ(found[at].after, after);
    };
    expect(0, Kind::kChanged, "b", "output", "2usd", "3usd");
    expect(1, Kind::kChanged, "b", "reasoning", "2usd", "3usd");
    expect(2, Kind::kChanged, "b", "output_max", "", "10");
    expect(3, Kind::kChanged, "b", "useful_output", "64", "10");
    expect(4, Kind::kAdded, "new", "", "", "input 4usd, output 5usd");
    EXPECT_EQ(found[4].from, "2026-01-01");
    expect(5, Kind::kRemoved, "gone", "", "input 1usd, output 2usd", "");
}

}  // namespace
}  // namespace vidai::mesh::pricing
