// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/message_bytes.h"

#include <array>
#include <chrono>
#include <memory>

#include <gtest/gtest.h>

#include "tests/mesh/budget/support.h"

namespace vidai::mesh::budget {
namespace {

constexpr MeshId kMesh{{4, 5}};

seal::SecretKey key_of(std::uint8_t first) {
    return seal::SecretKey::from_seed(std::array<std::uint8_t, 32>{first});
}

const seal::SecretKey& volume() {
    static const seal::SecretKey key = key_of(1);
    return key;
}

LogHeader header() {
    const LedgerKey other = key_of(2).public_key();
    return {{volume().public_key(), 3}, {other, key_of(3).public_key()}, {other, 7}, false};
}
AccountName account() {
    return {header().id, {4}, {key_of(2).public_key(), {9}}};
}
const BudgetWindow kMoney{BudgetId("team-a"), 5};
const WallTime kTomorrow{std::chrono::days(20'000)};
const Position kPosition{Standing::kTakeover, {1'000}, {7}};

template <class T>
T again(const T& message) {
    const auto told = decode_message(kMesh, encode_message(message));
    EXPECT_TRUE(told.has_value());
    const T* same = told ? std::get_if<T>(&told->message) : nullptr;
    EXPECT_NE(same, nullptr);
    return same != nullptr ? *same : T{};
}

template <class T>
void expect_kept(const T& message) {
    EXPECT_EQ(again(message), message);
}

TEST(MessageBytes, EachKindIsReadAsItWasWritten) {
    Hello hello{{8}, header(), {}};
    hello.owned.set(0).set(17).set(1023);
    expect_kept(hello);
    hello.frozen = true;
    expect_kept(hello);
    expect_kept(Ack{header().id, {12, {1, 2, 3}}, true});
    expect_kept(AskAck{header().id});
    expect_kept(AskOver{header().id});
    expect_kept(Over{header().id, true});
    expect_kept(Over{header().id, false, 12});
    expect_kept(Taken{header().id, 7});
    expect_kept(Fetch{header().id, 99});
    BudgetState state{{5'000'000}, {}};
    state.windows[5] = {{900}, {{account(), {100}}}, {100}};
    state.rule = {Period::kWeek, "Mars/Olympus"};  // that another system may know
    state.deleted = true;
    state.calendar = 3;
    state.policy.enforce = false;
    const Budgets budgets{{{bucket_of(kMoney.budget), kMoney.budget}, state}};
    expect_kept(Offer{header(), 44, bucket_of(kMoney.budget), {header().successor}, budgets});
    expect_kept(Ended{header(), {12, {1, 2, 3}}, true, {}});
    expect_kept(Ended{header(), {12, {1, 2, 3}}, false, LogId{header().id.ledger, 8}});
    expect_kept(Want{account(), kMoney, {100}, {20}, {30}, 9});
    expect_kept(Grant{account(), kMoney, {100}, kPosition, std::chrono::hours(700), kTomorrow});
    expect_kept(Edit{7, Edit::Kind::kSetRule, kMoney.budget, {}, {Period::kYear, {}}});
    expect_kept(Edit{7, Edit::Kind::kSetPolicy, kMoney.budget, {}, {}, {.enforce = false}});
    expect_kept(Edit{7, Edit::Kind::kDefine, kMoney.budget, {5}, {}, {.enforce = true}});
    expect_kept(Edit{
        7, Edit::Kind::kSetPolicy, kMoney.budget, {}, {}, {.enforce = {}, .alerts = {{50, 80}}}});
    expect_kept(
        Edit{7, Edit::Kind::kSetPolicy, kMoney.budget, {}, {}, {.enforce = {}, .alerts = {{}}}});
    Edit top_up{8, Edit::Kind::kTopUp, kMoney.budget, {}};
    top_up.top_up_id = "fair";
    top_up.top_up = {{20}, {}, "the fair"};  // until its owner says
    expect_kept(top_up);
    top_up.top_up.until = kTomorrow;
    expect_kept(top_up);
    top_up.kind = Edit::Kind::kEndTopUp;
    top_up.top_up = {};
    expect_kept(top_up);
    expect_kept(EditDone{6, false, ErrorCode::kResourceExhausted, "16 of them"});
    expect_kept(Report{account(), kMoney, {30}, {70}, 9});
    expect_kept(ReportAck{account(), kMoney, {70}});
    expect_kept(Recall{kMoney});
    expect_kept(Edit{6, Edit::Kind::kDefine, kMoney.budget, {77}, {Period::kDay, "Asia/Tokyo"}});
    expect_kept(EditDone{6, true, {}, {}});
    expect_kept(EditDone{6, false, ErrorCode::kAlreadyExists, "there is a budget team-a"});
    expect_kept(Changed{kMoney.budget});
    expect_kept(Look{3, {}, BudgetId("team-a")});
    const Sight sight{kMoney.budget,
                      kPosition,
                      {900},
                      {100},
                      {50},
                      {{account(), {300}, {200}, {10}, true}},
                      {Period::kMonth, "Europe/Berlin"},
                      kTomorrow};
    expect_kept(Seen{3, {sight}, true});
    Sight observed = sight;
    observed.policy.enforce = observed.position.enforce = false;
    observed.would_refuse = 12;
    observed.base = {800};
    observed.top_ups = {{"fair", {{100}, kTomorrow, {}}}};
    observed.policy.alerts = {50, 80, 100};
    observed.alerted = 80;
    expect_kept(Seen{3, {observed}, true});
}

TEST(MessageBytes, BatchesComeWithTheirOwnersSignatureOrNotAtAll) {
    const std::vector<EntryRef> entries{std::make_shared<const Entry>(Open{})};
    const auto batch =
        std::make_shared<const Batch>(make_batch(kMesh, header(), {}, entries, volume()));
    const Append sent = again(Append{{batch}});
    ASSERT_EQ(sent.batches.size(), 1U);
    EXPECT_EQ(sent.batches[0]->head, batch->head);

    Batch forged = *batch;
    forged.signature.bytes[3] ^= 1;
    const Append bad{{std::make_shared<const Batch>(forged)}};
    EXPECT_FALSE(decode_message(kMesh, encode_message(bad)));
    EXPECT_FALSE(decode_message(MeshId{{9}}, encode_message(Append{{batch}})));
}

TEST(MessageBytes, OfAmountsBelowZeroNothingIsRead) {
    EXPECT_FALSE(decode_message(kMesh, encode_message(Want{account(), kMoney, {-1}, {}, {}})));
    EXPECT_FALSE(decode_message(kMesh, encode_message(Report{account(), kMoney, {1}, {-1}})));
    EXPECT_FALSE(decode_message(
        kMesh, encode_message(Grant{account(), kMoney, {1}, {Standing::kOpen, {5}, {-5}}})));
}

TEST(MessageBytes, NoByteThatChangesOrLacksDoesHarm) {
    Hello hello{{8}, header(), {}};
    hello.owned.set(5);
    const seal::Bytes whole = encode_message(hello);
    for (std::size_t i = 0; i < whole.size(); ++i) {
        seal::Bytes bad = whole;
        bad[i] ^= 0x41;
        (void)decode_message(kMesh, bad);
        (void)decode_message(kMesh, seal::ByteView(whole).first(i));
    }
}

TEST(MessageBytes, AVolumeIsProvenForOneNodeOfOneMesh) {
    const NodeId node("n1");
    const seal::Signature proof = prove_volume(volume(), kMesh, node);
    EXPECT_TRUE(is_volume_of(volume().public_key(), kMesh, node, proof));
    EXPECT_FALSE(is_volume_of(volume().public_key(), kMesh, NodeId("n2"), proof));
    EXPECT_FALSE(is_volume_of(volume().public_key(), MeshId{{9}}, node, proof));
    EXPECT_FALSE(is_volume_of(key_of(2).public_key(), kMesh, node, proof));
    const auto told = decode_message(kMesh, encode_message(Hello{{1}, header(), {}}, proof));
    ASSERT_TRUE(told.has_value());
    EXPECT_EQ(told->proof, proof);
}

}  // namespace
}  // namespace vidai::mesh::budget
