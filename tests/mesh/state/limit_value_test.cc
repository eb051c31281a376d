// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/limit_value.h"

#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "mesh/state/key_table.h"
#include "schema/base/rng.h"

namespace vidai::mesh::state {
namespace {

LimitRecord sample() {
    LimitRecord limit;
    limit.id = new_limit_id();
    limit.name = "ml-gpt";
    limit.scope.equal = {"", "", "ml", "", "gpt-4o", ""};
    limit.scope.each = 1;
    limit.unit = LimitUnit::kTokens;
    limit.amount = 5'000;
    limit.span_s = 3'600;
    limit.fixed = true;
    limit.burst = 40;
    limit.mode = LimitMode::kFairShare;
    limit.created = WallTime(std::chrono::milliseconds(1'790'000'000'000));
    return limit;
}

Statement statement_of(const LimitRecord& limit) {
    return {RegisterKind::kLimit, limit.id,           limit.deleted, Hlc{1},
            NodeId("a"),          encode_limit(limit)};
}

KeyRecord key_of(const char* id, KeyOwner owner) {
    KeyRecord key;
    key.id = KeyId(id);
    key.owner = std::move(owner);
    return key;
}

TEST(LimitValue, ReadsBackWhatWasWritten) {
    LimitRecord limit = sample();
    EXPECT_EQ(*decode_limit(statement_of(limit)), limit);
    limit.deleted = true;
    EXPECT_EQ(*decode_limit(statement_of(limit)), limit);
}

TEST(LimitValue, IsRefusedWhenItMakesNoSense) {
    const std::function<void(LimitRecord&)> wrong[] = {
        [](LimitRecord& l) { l.name = ""; },
        [](LimitRecord& l) { l.name = "abcdefghijkl"; },  // a key's id
        [](LimitRecord& l) { l.name = "lim-x"; },
        [](LimitRecord& l) { l.name = std::string(65, 'a'); },
        [](LimitRecord& l) { l.id = "ml-gpt"; },
        [](LimitRecord& l) { l.scope.equal[2] = std::string(129, 'a'); },
        [](LimitRecord& l) { l.scope.equal[2] = "a\nb"; },
        [](LimitRecord& l) { l.scope.equal[0] = "nokey"; },
        [](LimitRecord& l) { l.scope.each = 1U << 4U; },
        [](LimitRecord& l) { l.amount = kAmountMax + 1; },
        [](LimitRecord& l) { l.span_s = 0; },
        [](LimitRecord& l) { l.span_s = 86'401; },
        [](LimitRecord& l) { l.burst = 5'001; },
        [](LimitRecord& l) { l.unit = LimitUnit::kConcurrency; },
        [](LimitRecord& l) { l.unit = LimitUnit{3}; },
        [](LimitRecord& l) { l.mode = LimitMode{3}; },
    };
    ASSERT_TRUE(validate(sample()));
    for (const auto& spoil : wrong) {
        LimitRecord limit = sample();
        spoil(limit);
        EXPECT_FALSE(validate(limit)) << limit.name << " " << to_text(limit.scope);
    }
}

TEST(LimitValue, SurvivesAnyBytes) {
    Rng rng(5);
    const Statement good = statement_of(sample());
    for (int i = 0; i < 20'000; ++i) {
        Statement bad = good;
        const std::uint64_t at = rng.below(bad.value.size());
        bad.value[at] = static_cast<std::uint8_t>(rng.below(256));
        if (rng.chance(0.2)) bad.value.resize(at);
        const auto read = decode_limit(bad);
        if (read) {
            EXPECT_TRUE(validate(*read));
        }
    }
}

TEST(LimitScope, ConcernsKeysOfWhichEveryFieldFits) {
    const KeyRecord ml = key_of("aaaaaaaaaaaa", {"eve", "ml", ""});
    const KeyRecord web = key_of("bbbbbbbbbbbb", {"eve", "web", "shop"});
    LimitScope scope;
    EXPECT_TRUE(concerns(scope, ml));
    EXPECT_EQ(to_text(scope), "all");
    scope.equal[1] = "eve";
    EXPECT_TRUE(concerns(scope, ml) && concerns(scope, web));
    scope.equal[2] = "ml";
    scope.equal[4] = "gpt-4o";
    EXPECT_TRUE(concerns(scope, ml) && !concerns(scope, web));
    EXPECT_EQ(to_text(scope), "user=eve,team=ml,model=gpt-4o");
    scope = {};
    scope.each = 1U << 3U;
    EXPECT_FALSE(concerns(scope, ml)) << "it has no project";
    EXPECT_TRUE(concerns(scope, web));
    EXPECT_EQ(to_text(scope), "each project");
}

TEST(LimitCounter, IsOnePerValueThatIsToldApart) {
    const KeyRecord a = key_of("aaaaaaaaaaaa", {"eve", "ml", "x"});
    const KeyRecord b = key_of("bbbbbbbbbbbb", {"eve", "ml", "y"});
    LimitRecord limit = sample();
    limit.scope = {};
    EXPECT_EQ(counter_of(limit, a), counter_of(limit, b));
    EXPECT_TRUE(parse_key_id(counter_of(limit, a).str()));
    std::set<KeyId> all{counter_of(limit, a)};
    for (const unsigned each : {1U, 2U, 4U, 8U, 6U, 15U}) {
        limit.scope.each = static_cast<std::uint8_t>(each);
        EXPECT_EQ(counter_of(limit, a) == counter_of(limit, b), (each & 9U) == 0) << each;
        all.insert(counter_of(limit, a));
        all.insert(counter_of(limit, b));
    }
    EXPECT_EQ(counted_for(limit, a), "key=aaaaaaaaaaaa,user=eve,team=ml,project=x");
    limit.span_s = 60;
    all.insert(counter_of(limit, a));
    limit.unit = LimitUnit::kRequests;
    all.insert(counter_of(limit, a));
    EXPECT_EQ(all.size(), 12u);
}

}  // namespace
}  // namespace vidai::mesh::state
