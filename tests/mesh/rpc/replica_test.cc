// SPDX-License-Identifier: Apache-2.0
#include "mesh/rpc/replica.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace vidai::mesh::rpc
