// SPDX-License-Identifier: Apache-2.0
#include "mesh/limits/limit_book.h"

#include <algorithm>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vidai::mesh::limits {
namespace {

using namespace std::chrono_literals;
using state::LimitRecord;
using state::ScopeField;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr MonoTime kMono{1h};

LimitRecord limit_of(const char* name, std::initializer_list<std::pair<int, const char*>> equal,
                     unsigned each = 0) {
    LimitRecord limit;
    limit.id = state::new_limit_id();
    limit.name = name;
    for (const auto& [field, value] : equal) {
        limit.scope.equal[static_cast<std::size_t>(field)] = value;
    }
    limit.scope.each = static_cast<std::uint8_t>(each);
    limit.amount = 10;
    return limit;
}

state::KeyRecord key_of(const char* id, state::KeyOwner owner) {
    state::KeyRecord key;
    key.id = KeyId(id);
    key.owner = std::move(owner);
    return key;
}

struct LimitBookTest : testing::Test {
    std::vector<std::string> names(const state::KeyRecord& key) {
        std::vector<std::string> found;
        for (const state::AppliedLimit& applied : book.apply(key)) {
            EXPECT_TRUE(applied.slot);
            found.push_back(std::next(book.all().begin(), applied.limit)->second.name);
        }
        std::ranges::sort(found);
        return found;
    }
    CounterTable table{16};
    CounterStore store{table, NodeId("self"), Generation{1}};
    LimitBook book{store};
    const state::KeyRecord ml = key_of("aaaaaaaaaaaa", {"eve", "ml", ""});
    const state::KeyRecord web = key_of("bbbbbbbbbbbb", {"bob", "web", "shop"});
};

TEST_F(LimitBookTest, FindsWhatAKeyStandsUnder) {
    book.put(limit_of("all", {}));
    book.put(limit_of("ml", {{2, "ml"}}));
    book.put(limit_of("ml-eve", {{1, "eve"}, {2, "ml"}}));
    book.put(limit_of("gpt", {{4, "gpt-4o"}}));
    book.put(limit_of("one", {{0, "bbbbbbbbbbbb"}}));
    book.put(limit_of("projects", {}, 8));
    EXPECT_THAT(names(ml), ElementsAre("all", "gpt", "ml", "ml-eve"));
    EXPECT_THAT(names(web), ElementsAre("all", "gpt", "one", "projects"));
}

TEST_F(LimitBookTest, ForgetsWhatIsDeletedAndKeepsTheCounterOfWhatIsChanged) {
    LimitRecord limit = limit_of("ml", {{2, "ml"}});
    book.put(limit);
    EXPECT_TRUE(book.take_changed());
    EXPECT_FALSE(book.take_changed());
    const auto before = book.apply(ml);
    limit.amount = 20;
    book.put(limit);
    EXPECT_EQ(book.apply(ml), before);
    limit.span_s = 3'600;
    book.put(limit);
    EXPECT_NE(book.apply(ml), before) << "another window is counted anew";
    limit.deleted = true;
    book.put(limit);
    EXPECT_TRUE(book.take_changed());
    EXPECT_THAT(names(ml), IsEmpty());
}

TEST_F(LimitBookTest, GivesBackTheCountersThatNobodyUses) {
    LimitRecord limit = limit_of("each", {}, 1);
    book.put(limit);
    (void)book.apply(ml);
    (void)book.apply(web);
    book.sweep(kMono);
    const KeyId counter = state::counter_of(limit, ml);
    ASSERT_TRUE(store.slot_of(counter));
    (void)book.apply(web);
    book.sweep(kMono);
    store.tick(kMono + StoreOptions().slot_quarantine, WallTime(1h));
    EXPECT_FALSE(store.slot_of(counter));
    EXPECT_TRUE(store.slot_of(state::counter_of(limit, web)));
}

TEST_F(LimitBookTest, SaysWhenThisNodeHasNoCounterLeft) {
    for (int i = 0; i < 16; ++i) {
        ASSERT_TRUE(store.bind(KeyId("taken0000" + std::to_string(100 + i)), {}));
    }
    book.put(limit_of("all", {}));
    ASSERT_EQ(book.apply(ml).size(), 1u);
    EXPECT_FALSE(book.apply(ml)[0].slot);
}

TEST_F(LimitBookTest, CountsTheMostThatOneRequestMayStandUnder) {
    book.put(limit_of("all", {}));
    book.put(limit_of("a1", {{4, "a"}}));
    book.put(limit_of("a2", {{4, "a"}}));
    book.put(limit_of("b1", {{4, "b"}}));
    EXPECT_EQ(book.most_for(ml), 3u);
    EXPECT_EQ(book.most_for(ml, limit_of("b2", {{4, "b"}})), 3u);
    EXPECT_EQ(book.most_for(ml, limit_of("a3", {{4, "a"}})), 4u);
    EXPECT_EQ(book.most_for(ml, limit_of("web", {{2, "web"}})), 3u);
}

TEST_F(LimitBookTest, FindsSeveralOfOneNameAndEachByItsId) {
    const LimitRecord a = limit_of("same", {}), b = limit_of("same", {});
    book.put(a);
    book.put(b);
    EXPECT_EQ(book.find("same").size(), 2u);
    ASSERT_EQ(book.find(b.id).size(), 1u);
    EXPECT_EQ(*book.find(b.id)[0], b);
    EXPECT_THAT(book.find("other"), IsEmpty());
}

}  // namespace
}  // namespace vidai::mesh::limits
