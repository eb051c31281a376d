// SPDX-License-Identifier: Apache-2.0
// Logs as bytes: what is read is what was written, and nothing else is believed.
#include "mesh/budget/batch.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mesh/budget/log_state.h"
#include "schema/base/rng.h"
#include "tests/mesh/budget/support.h"

namespace vidai::mesh::budget {
namespace {

constexpr MeshId kMesh{{1, 2, 3}};
constexpr WallTime kSoon{std::chrono::days(20'000)};

const seal::SecretKey& key() {
    static const std::array<std::uint8_t, 32> seed{7};
    static const seal::SecretKey made = seal::SecretKey::from_seed(seed);
    return made;
}
LogHeader header() {
    return {{key().public_key(), 3}, {volume(2), volume(3)}, log_of(2), true};
}
Batch batch_of(const Head& before, const std::vector<EntryRef>& entries) {
    return make_batch(kMesh, header(), before, entries, key());
}
Result<Batch> decoded(const Batch& batch) {
    return decode_batch(kMesh, batch.bytes, batch.signature);
}

Budgets some_budgets() {
    Budgets out;
    for (const char* name : {"team", "other", "third"}) {
        const BudgetId id(name);
        BudgetState& state = out[{bucket_of(id), id}];
        state.limit = {100};
        WindowState& window = state.windows[4];
        window.activated = {50};
        window.returned[account_of(2)] = {7};
        window.returned[account_of(3)] = {9};
        window.returned_sum = {16};
        state.windows[5].activated = {1};
        state.windows[5].alerted = 50;
        state.policy.alerts = {1, 100};
        state.top_ups.open = {{"fair", {{9}, kSoon, "a note"}}, {"more", {{8}, kSoon, {}}}};
        state.top_ups.ended = {"b", "a"};
    }
    return out;
}
std::shared_ptr<const Estate> some_estate() {
    auto out = std::make_shared<Estate>();
    for (const std::size_t bucket : {0U, 9U, 511U, 1023U}) out->owned[bucket] = true;
    out->budgets = some_budgets();
    out->represents = {log_of(1), log_of(1, 2)};
    out->taken = {{log_of(3), 8}, {log_of(3), 9}};
    out->adopted = {{log_of(3), 12}};
    return out;
}
std::vector<EndedLog> some_circle() {
    return {{second_header(), {{volume(1), 4}, {volume(3), 6}}, 6, {}, {log_of(2), log_of(1)}},
            {{log_of(3), {}, log_of(3), false}, {}, 9, log_of(3, 5), {log_of(3)}}};
}
// One of each kind, with every field filled.
std::vector<EntryRef> all_kinds() {
    const Proof proof{second_header(), {volume(1), volume(3)}};
    return {ref(Genesis{}),
            ref(Define{kTeam, {100}}),
            ref(SetLimit{kTeam, {90}}),
            ref(activate(30, 4)),
            ref(Return{kMay, account_of(3), {12}}),
            ref(Out{kBucket, log_of(2, 9)}),
            ref(In{kBucket, log_of(2), 44, log_of(1), proof, some_budgets()}),
            ref(Close{log_of(1, 4)}),
            ref(Inherit{log_of(1), 17, log_of(1, 2), proof, some_estate()}),
            ref(Adopt{second_header(), {{volume(1), 4}, {volume(3), 6}}, 6, true, some_estate()}),
            ref(Define{kTeam, {100}, {Period::kWeek, "Asia/Tokyo"}}),
            ref(Remove{kTeam}),
            ref(SetRule{kTeam, {Period::kMonth, "Europe/Berlin"}}),
            ref(AdoptCircle{some_circle(), some_estate()}),
            ref(Define{kTeam, {100}, {}, {.enforce = false}}),
            ref(SetPolicy{kTeam, {.enforce = false, .alerts = {50, 100}}}),
            ref(Alert{kMay, 80}),
            ref(OpenTopUp{kTeam, "fair", {{9}, kSoon, "a note"}}),
            ref(EndTopUp{kTeam, "fair"})};
}

// Field by field would be the decoder once more: equal bytes are equal entries.
TEST(Batch, ReadsAsItWasWritten) {
    const Batch first = batch_of({}, all_kinds());
    const auto read = decoded(first);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->header, header());
    EXPECT_EQ(read->log, header().id);
    EXPECT_EQ(read->before, Head{});
    EXPECT_EQ(read->head, first.head);
    EXPECT_EQ(read->entries.size(), all_kinds().size());
    const Batch bare = without_entries(*read);
    EXPECT_TRUE(bare.entries.empty());
    EXPECT_EQ(batch_of({}, entries_of(bare)).bytes, first.bytes);
    EXPECT_EQ(batch_of({}, read->entries).bytes, first.bytes);

    const auto& in = std::get<In>(*read->entries[6]);
    EXPECT_EQ(in.at, 44U);
    EXPECT_EQ(in.proof.log, second_header());
    EXPECT_EQ(in.budgets, some_budgets());
    const auto& adopt = std::get<Adopt>(*read->entries[9]);
    EXPECT_EQ(*adopt.estate, *some_estate());
    EXPECT_TRUE(adopt.closed);
    EXPECT_EQ(adopt.seals[1].head, 6U);
    const auto& circle = std::get<AdoptCircle>(*read->entries[13]);
    ASSERT_EQ(circle.logs.size(), 2U);
    EXPECT_EQ(circle.logs[0].represents, some_circle()[0].represents);
    EXPECT_FALSE(circle.logs[0].closed_to);
    EXPECT_EQ(circle.logs[0].head, 6U);
    EXPECT_EQ(circle.logs[1].closed_to, log_of(3, 5));
    EXPECT_EQ(*circle.estate, *some_estate());
    EXPECT_FALSE(std::get<Define>(*read->entries[14]).policy.enforce);
    EXPECT_EQ(std::get<SetPolicy>(*read->entries[15]).policy.alerts, (Thresholds{50, 100}));
    EXPECT_EQ(std::get<Alert>(*read->entries[16]).percent, 80);
    EXPECT_EQ(std::get<OpenTopUp>(*read->entries[17]).top_up, (TopUp{{9}, kSoon, "a note"}));
    EXPECT_EQ(std::get<EndTopUp>(*read->entries[18]).id, "fair");
}

TEST(Batch, FoldsAsWhatItWasMadeOf) {
    std::vector<EntryRef> entries = beginning();
    entries.push_back(ref(activate(30)));
    const auto read = decoded(batch_of({}, entries));
    ASSERT_TRUE(read);
    LogState written(header()), stored(*read->header);
    for (const EntryRef& entry : entries) ASSERT_TRUE(written.apply(*entry));
    for (const EntryRef& entry : read->entries) ASSERT_TRUE(stored.apply(*entry));
    EXPECT_EQ(written.estate(), stored.estate());
}

TEST(Batch, SaysWhoKeepsTheLogInItsFirstAlone) {
    const Batch first = batch_of({}, beginning());
    const Batch second = batch_of(first.head, {ref(activate(1))});
    EXPECT_TRUE(first.header);
    EXPECT_FALSE(second.header);
    const auto read = decoded(second);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->before, first.head);
    EXPECT_EQ(read->head.seq, 3U);
}

TEST(Batch, IsBelievedOfItsKeyAndMeshOnly) {
    const Batch batch = batch_of({}, beginning());
    EXPECT_TRUE(decoded(batch));
    EXPECT_FALSE(decode_batch(MeshId{{9}}, batch.bytes, batch.signature));
    seal::Signature other = batch.signature;
    other.bytes[5] ^= 1;
    EXPECT_FALSE(decode_batch(kMesh, batch.bytes, other));
}

TEST(Batch, WithAnyByteChangedIsRefused) {
    const Batch batch = batch_of({}, all_kinds());
    Rng rng(3);
    for (int i = 0; i < 300; ++i) {
        seal::Bytes bytes = batch.bytes;
        bytes[rng.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + rng.below(255));
        const auto read = decode_batch(kMesh, bytes, batch.signature);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
    }
    for (std::size_t size = 0; size < batch.bytes.size(); size += 37) {
        EXPECT_FALSE(decode_batch(kMesh, seal::ByteView(batch.bytes).first(size), batch.signature));
    }
}

// Its owner signs what it likes: still no field may be out of its bounds.
TEST(Batch, OfABadOwnerIsRefusedToo) {
    const auto refused = [](const Entry& entry) { return !decoded(batch_of({}, {ref(entry)})); };
    EXPECT_TRUE(refused(Define{BudgetId(), {1}}));
    EXPECT_TRUE(refused(Define{BudgetId(std::string(kBudgetIdMax + 1, 'a')), {1}}));
    EXPECT_TRUE(refused(SetPolicy{kTeam, {.alerts = {80, 50}}}));
    EXPECT_TRUE(refused(SetPolicy{kTeam, {.alerts = {0}}}));
    EXPECT_TRUE(refused(SetPolicy{kTeam, {.alerts = {101}}}));
    EXPECT_TRUE(refused(SetPolicy{kTeam, {.alerts = {1, 2, 3, 4, 5, 6, 7, 8, 9}}}));
    EXPECT_TRUE(refused(OpenTopUp{kTeam, "x", {{0}, kSoon, {}}}));
    EXPECT_TRUE(refused(OpenTopUp{kTeam, "no id", {{1}, kSoon, {}}}));
    EXPECT_TRUE(refused(EndTopUp{kTeam, ""}));
    EXPECT_TRUE(refused(Out{{kBuckets}, log_of(2)}));
    auto estate = std::make_shared<Estate>(*some_estate());
    estate->budgets.begin()->second.windows[4].returned[account_of(2)] = {60};
    EXPECT_TRUE(refused(Inherit{log_of(1), 1, log_of(1), {}, estate})) << "more than activated";
    LogHeader crowded = second_header();
    crowded.custodians.assign(kCustodiansMax + 1, volume(9));
    EXPECT_TRUE(refused(Adopt{crowded, {}, 0, false, some_estate()}));
    const std::vector<EndedLog> many(kCircleMax + 1, some_circle()[0]);
    EXPECT_TRUE(refused(AdoptCircle{many, some_estate()}));
    EXPECT_TRUE(refused(AdoptCircle{{{crowded, {}, 0, {}, {}}}, some_estate()}));
}

TEST(Batch, FollowsWhatItNamesAndTellsAForkFromAGap) {
    const Batch first = batch_of({}, beginning());
    const Batch second = batch_of(first.head, {ref(activate(1))});
    const Batch third = batch_of(second.head, {ref(activate(2))});
    const Batch other = batch_of(first.head, {ref(activate(3))});
    EXPECT_TRUE(follows({}, first));
    EXPECT_TRUE(follows(first.head, second));
    EXPECT_EQ(follows(first.head, third).error().code, ErrorCode::kConflict);
    EXPECT_EQ(follows(second.head, second).error().code, ErrorCode::kConflict);
    EXPECT_EQ(follows(second.head, other).error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(follows(other.head, third).error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace vidai::mesh::budget
