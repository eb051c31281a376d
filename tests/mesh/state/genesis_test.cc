// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/genesis.h"

#include <gtest/gtest.h>

namespace vidai::mesh::state {
namespace {

seal::PublicKey ledger() {
    seal::PublicKey key;
    key.bytes[0] = 7;
    return key;
}

TEST(Genesis, NamesTheVolumeThatBeginsTheMoney) {
    const Statement said = encode_genesis(ledger(), Hlc{5}, NodeId("n1"));
    EXPECT_EQ(said.id, genesis_id(ledger()));
    const auto read = decode_genesis(*decode_statement(encode(said)));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(*read, ledger());
}

TEST(Genesis, OfAnythingElseIsRefused) {
    const Statement said = encode_genesis(ledger(), Hlc{5}, NodeId("n1"));
    const auto without = [&](auto change) {
        Statement bad = said;
        change(bad);
        return decode_genesis(bad).has_value();
    };
    EXPECT_FALSE(without([](Statement& s) { s.value.pop_back(); }));
    EXPECT_FALSE(without([](Statement& s) { s.value.push_back(0); }));
    EXPECT_FALSE(without([](Statement& s) { s.value[0] ^= 1; })) << "another key than the id's";
    EXPECT_FALSE(without([](Statement& s) { s.id = "ledger"; }));
    EXPECT_FALSE(without([](Statement& s) { s.retired = true; }));
    EXPECT_FALSE(without([](Statement& s) { s.kind = RegisterKind::kLimit; }));
}

}  // namespace
}  // namespace vidai::mesh::state
