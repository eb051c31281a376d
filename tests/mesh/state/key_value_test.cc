// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/key_value.h"

#include <algorithm>
#include <string_view>

#include <gtest/gtest.h>

#include "schema/base/rng.h"

namespace vidai::mesh::state {
namespace {

KeyRecord sample() {
    KeyRecord record;
    record.id = KeyId("ABCdef012345");
    record.name = "checkout service";
    record.salt.fill(3);
    record.hash.fill(9);
    record.models = {"gpt-4o", "local"};
    record.owner = {"eve", "ml", "search"};
    record.limits.requests_per_minute = 60;
    record.limits.tokens_per_minute = 0;  // a limit of nothing is not the same as no limit
    record.created = WallTime(std::chrono::milliseconds(1'790'000'000'000));
    record.budgets = {BudgetId("team-a"), BudgetId("org")};
    return record;
}

Statement statement_of(const KeyRecord& record, bool retired = false) {
    return {RegisterKind::kKey, record.id.str(), retired, Hlc{1}, NodeId("a"), encode_key(record)};
}

TEST(KeyValue, ReadsBackWhatWasWritten) {
    const auto read = decode_key(statement_of(sample()));
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(*read, sample());
}

// What an older program wrote has no such field; one of these is what it would write.
TEST(KeyValue, WithoutBudgetsIsReadAsOneThatStandsUnderNone) {
    KeyRecord record = sample();
    record.budgets.clear();
    const Statement said = statement_of(record);
    EXPECT_EQ(*decode_key(said), record);
    EXPECT_LT(said.value.size(), statement_of(sample()).value.size());
}

TEST(KeyValue, IsRefusedWithABudgetTwice) {
    KeyRecord record = sample();
    record.budgets = {BudgetId("team-a"), BudgetId("team-b")};
    Statement said = statement_of(record);
    const std::string_view name = "team-b";
    const auto at = std::ranges::search(said.value, name).begin();
    ASSERT_NE(at, said.value.end());
    at[5] = 'a';
    const auto read = decode_key(said);
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, ErrorCode::kProtocol);
    EXPECT_EQ(read.error().param, "budgets");
}

TEST(KeyValue, IsRevokedWhenItsRegisterIsRetired) {
    KeyRecord expected = sample();
    expected.revoked = true;
    EXPECT_EQ(*decode_key(statement_of(sample(), true)), expected);
}

TEST(KeyValue, IsRefusedUnderAnIdThatIsNoKeyId) {
    Statement said = statement_of(sample());
    said.id = "short";
    EXPECT_EQ(decode_key(said).error().code, ErrorCode::kProtocol);
}

TEST(KeyValue, SurvivesHostileBytes) {
    const Statement good = statement_of(sample());
    Rng rng(11);
    for (int i = 0; i < 20'000; ++i) {
        Statement bad = good;
        for (std::uint64_t edits = 1 + rng.below(4); edits > 0; --edits) {
            bad.value[rng.below(bad.value.size())] = static_cast<std::uint8_t>(rng.next());
        }
        if (rng.chance(0.2)) bad.value.resize(rng.below(bad.value.size()));
        (void)decode_key(bad);  // a record within its bounds or an error; sanitizers watch
    }
}

}  // namespace
}  // namespace vidai::mesh::state
