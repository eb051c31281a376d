// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "schema/vocabulary/check.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/units.h"

namespace vidai {
namespace {

TEST(ErrorCode, EachHasANameOfItsOwn) {
    std::set<std::string_view> names;
    for (int i = 0; i < kErrorCodeCount; ++i) {
        EXPECT_TRUE(names.insert(error_code_name(static_cast<ErrorCode>(i))).second) << i;
    }
    EXPECT_EQ(error_code_name(ErrorCode::kModelNotFound), "model_not_found");
}

TEST(Result, CarriesAValueOrAnError) {
    const auto half = [](int n) -> Result<int> {
        if (n % 2 != 0) return fail(ErrorCode::kInvalidRequest, "odd", "n");
        return n / 2;
    };
    EXPECT_EQ(half(4).value(), 2);
    EXPECT_EQ(half(3).error(), (Error{ErrorCode::kInvalidRequest, "odd", "n"}));
}

TEST(Check, NamesTheExpressionAndTheNote) {
    EXPECT_DEATH(CHECK(1 > 2, "numbers are broken"), "CHECK\\(1 > 2\\) failed: numbers are broken");
}

TEST(NodeId, AcceptsHostNamesOnly) {
    EXPECT_TRUE(parse_node_id("vidai-0.pool"));
    for (const char* bad : {"", "-a", "a-", "A", "a_b", "a b", "a/b"}) {
        EXPECT_FALSE(parse_node_id(bad)) << bad;
    }
    EXPECT_TRUE(parse_node_id(std::string(63, 'a')));
    EXPECT_FALSE(parse_node_id(std::string(64, 'a')));
}

TEST(BudgetId, MayBeAPathOrAnAddress) {
    for (const char* good : {"team-a", "org/Team_1", "user:a.b+c@example.org", "0"}) {
        EXPECT_EQ(parse_budget_id(good).value().str(), good);
    }
    for (const char* bad : {"", "-a", "/a", "a b", "a,b", "a\"", "a\n", "\xc3\xa4"}) {
        EXPECT_FALSE(parse_budget_id(bad)) << bad;
    }
    EXPECT_TRUE(parse_budget_id(std::string(128, 'a')));
    EXPECT_FALSE(parse_budget_id(std::string(129, 'a')));
}

TEST(MeshId, SurvivesItsHexForm) {
    MeshId id;
    for (std::size_t i = 0; i < id.bytes.size(); ++i)
        id.bytes[i] = static_cast<std::uint8_t>(i * 17);
    EXPECT_EQ(parse_mesh_id(to_hex(id)).value(), id);
    EXPECT_FALSE(parse_mesh_id(to_hex(id).substr(1)));
    EXPECT_FALSE(parse_mesh_id(std::string(32, 'G')));
}

TEST(Money, ChargesAreRoundedUpOnce) {
    // 0.15 USD per million tokens, 7 tokens: 1.05 micro-dollars, charged as 2.
    EXPECT_EQ(round_up(MicroUsdPerMtok{150'000} * Tokens{7}), MicroUsd{2});
    EXPECT_EQ(round_up(MicroUsdPerMtok{1'000'000} * Tokens{7}), MicroUsd{7});
    EXPECT_EQ(round_up(PicoUsd{0}), MicroUsd{0});
}

TEST(Money, SaturatesInsteadOfWrapping) {
    const PicoUsd huge = MicroUsdPerMtok{INT64_MAX} * Tokens{INT64_MAX};
    EXPECT_EQ(huge.value, INT64_MAX);
}

}  // namespace
}  // namespace vidai
