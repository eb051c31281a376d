// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/replica.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mesh/state/card_value.h"
#include "mesh/state/genesis.h"
#include "mesh/state/key_value.h"
#include "tests/mesh/state/origins.h"

namespace vidai::mesh::rpc {
namespace {

using state::testing::kNow;
using state::testing::Origin;
using state::testing::Origins;

constexpr MonoTime kMono{std::chrono::hours(1)};

struct ReplicaTest : testing::Test {
    Origins origins;
    Origin self = origins.make("self"), liar = origins.make("liar");
    limits::CounterTable table{64};
    Snapshot<state::KeyTable> keys{std::make_shared<const state::KeyTable>()};
    Replica replica{std::make_shared<seal::Roots>(origins.trust()),
                    Author{self.node, self.key, self.chain},
                    Generation{1},
                    table,
                    keys,
                    {}};

    // As its state file would bring them, so that they need not all be signed.
    void load(const Origin& by, std::size_t count, std::size_t models) {
        std::vector<state::Register> stored;
        state::KeyRecord record;
        record.models.assign(models, std::string(128, 'm'));
        record.revoked = true;
        for (std::size_t n = 0; n < count; ++n) {
            record.id = KeyId(by.node.str().substr(0, 4) + std::to_string(10'000'000 + n));
            stored.push_back({{state::RegisterKind::kKey, record.id.str(), true,
                               state::Hlc::at(kNow), by.node, state::encode_key(record)},
                              {},
                              by.chain});
        }
        (void)replica.load(std::move(stored), kNow, kMono);
    }
};

TEST_F(ReplicaTest, MakesAFewKeysHoweverManyAPeerHasWritten) {
    load(liar, state::kRegistersPerOriginMax, 0);
    ASSERT_GE(replica.registers().size(), kKeysMax);
    const auto made = replica.create(KeyCreateRequest(), kNow, kMono);
    ASSERT_TRUE(made.has_value()) << made.error().message;
    EXPECT_NE(replica.find(made->record.id), nullptr);
}

// It was said to have been made, and nobody held it.
TEST_F(ReplicaTest, SaysThatThereIsNoRoomForAKey) {
    load(self, state::kRegisterBytesPerOriginMax / 33'000, 256);
    KeyCreateRequest wanted;
    wanted.models.assign(256, std::string(128, 'm'));
    const auto made = replica.create(wanted, kNow, kMono);
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().code, ErrorCode::kResourceExhausted);
}

seal::PublicKey ledger(std::uint8_t first) {
    seal::PublicKey key;
    key.bytes[0] = first;
    return key;
}

TEST_F(ReplicaTest, BelievesTheLeastThatWouldBeginTheMoneyUntilItHasBegun) {
    const auto says = [&](std::uint8_t first) {
        const state::Statement said =
            state::encode_genesis(ledger(first), state::Hlc::at(kNow), liar.node);
        return replica.merge({state::sign_register(said, *liar.key, liar.chain)}, kNow, kMono);
    };
    EXPECT_TRUE(says(7).genesis);
    EXPECT_FALSE(says(9).genesis);
    EXPECT_TRUE(says(5).genesis);
    EXPECT_EQ(replica.genesis(), ledger(5));
    replica.settle_genesis();
    const MergeReport late = says(3);
    EXPECT_EQ(late.refused, 1U);
    EXPECT_EQ(replica.genesis(), ledger(5));
    EXPECT_EQ(
        replica.registers().find({state::RegisterKind::kGenesis, state::genesis_id(ledger(3))}),
        nullptr)
        << "it would be believed after a restart";
}

constexpr const char* kCard = "prices: [{provider: p, model: m, input: 1usd, output: 2usd}]";

// The registers of cards that `from` holds.
std::vector<state::Register> cards_of(const Replica& from) {
    std::vector<state::Register> found;
    from.registers().for_each([&](const state::Register& held) {
        if (held.statement.kind == state::RegisterKind::kCard) found.push_back(held);
    });
    return found;
}

TEST_F(ReplicaTest, AppliesARateCardThatAllThenHold) {
    const auto applied = replica.apply_card(kCard, "ann", kNow);
    ASSERT_TRUE(applied.has_value()) << applied.error().message;
    EXPECT_EQ(applied->card.version, 1U);
    EXPECT_EQ(replica.cards().in_force()->by, "ann");
    ASSERT_TRUE(replica.apply_card("", "bob", kNow).has_value());
    EXPECT_TRUE(replica.cards().in_force()->text.empty());

    limits::CounterTable its_table{64};
    Snapshot<state::KeyTable> its_keys{std::make_shared<const state::KeyTable>()};
    Replica other{std::make_shared<seal::Roots>(origins.trust()),
                  Author{liar.node, liar.key, liar.chain},
                  Generation{1},
                  its_table,
                  its_keys,
                  {}};
    auto told = cards_of(replica);
    std::ranges::reverse(told);
    const MergeReport report = other.merge(told, kNow, kMono);
    EXPECT_FALSE(report.first_refusal) << report.first_refusal->message;
    EXPECT_EQ(report.cards.size(), 2U);
    EXPECT_EQ(*other.cards().in_force(), *replica.cards().in_force());
    EXPECT_EQ(other.registers().digest(), replica.registers().digest());
}

TEST_F(ReplicaTest, RefusesARateCardThatIsWrongWithItsLine) {
    for (const char* wrong :
         {"prices: [{provider: p, model: m, input: 1usd}]",
          "prices: [{provider: p, model: m, input: 300000usd, output: 1usd}]", "no card"}) {
        const auto applied = replica.apply_card(wrong, "ann", kNow);
        ASSERT_FALSE(applied.has_value()) << wrong;
        EXPECT_EQ(applied.error().code, ErrorCode::kInvalidRequest);
        EXPECT_NE(applied.error().message.find("the card:1: "), std::string::npos);
    }
    std::string many = "prices:\n";
    for (int i = 0; i < 1'000; ++i) {
        many += "  - {provider: p, model: m" + std::to_string(i) + ", input: 1usd, output: 2usd}\n";
    }
    EXPECT_FALSE(replica.apply_card(many, "ann", kNow).has_value());
    EXPECT_EQ(replica.cards().in_force(), nullptr);
    EXPECT_EQ(replica.registers().size(), 0U);
}

TEST_F(ReplicaTest, TakesNoCardFromAPeerThatCannotBeRead) {
    const state::Hlc time = state::Hlc::at(kNow);
    const state::CardRecord record{1, "not: [a card", "x", liar.node, time.value};
    const state::Register bad =
        state::sign_register({state::RegisterKind::kCard, state::card_place(1), false, time,
                              liar.node, state::encode_card(record)},
                             *liar.key, liar.chain);
    const MergeReport report = replica.merge({bad}, kNow, kMono);
    EXPECT_EQ(report.refused, 1U);
    EXPECT_EQ(replica.cards().in_force(), nullptr);
}

}  // namespace
}  // namespace vidai::mesh::rpc
