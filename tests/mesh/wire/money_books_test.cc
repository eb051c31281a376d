// SPDX-License-Identifier: Apache-2.0
#include <capnp/serialize.h>
#include <gtest/gtest.h>

#include "mesh/wire/message.h"
#include "mesh/wire/operator_values.h"

namespace vidai::mesh::wire {
namespace {

// Each field another value.
MoneyBooks books() {
    MoneyBooks out;
    out.node = NodeId("n1");
    out.ledger = "aa";
    out.start = 2;
    out.frozen = "full";
    out.owns = {false, true, true};
    const LogName log{"aa", 3}, other{"bb", 4};
    out.own = {{log, 5, {{6, "six"}, {7, "seven"}}, {"bb", "cc"}, {NodeId("n2"), NodeId()}, 1}};
    out.kept_logs = {{other, {8, "eight"}, true}};
    MoneyBooks::Owned owned{
        BudgetId("team"), 9, {10}, {11}, {12}, {13}, {14}, {15}, false, {}, true};
    owned.lent = {{"bb", 16, NodeId("n2"), {17}, {18}, {19}, true}};
    out.owned = {owned};
    out.held = {{BudgetId("team"), 20, other, 21, {22}, {23}, {24}, {25}, {-26}}};
    out.kept = {{other, BudgetId("org"), 27, {28}, {29}}};
    out.budgets = {BudgetId("team"), BudgetId("org")};
    out.more = true;
    return out;
}

std::string bytes_of_books(const MoneyBooks& value) {
    capnp::MallocMessageBuilder builder;
    write(value, builder.initRoot<proto::MoneyBooks>());
    const auto words = capnp::messageToFlatArray(builder);
    const auto bytes = words.asBytes();
    return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

// Field by field would be the reader once more: equal bytes are equal books.
TEST(MoneyBooksWire, AreReadAsTheyWereWritten) {
    capnp::MallocMessageBuilder builder;
    write(books(), builder.initRoot<proto::MoneyBooks>());
    const auto read = wire::read(builder.getRoot<proto::MoneyBooks>().asReader());
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(bytes_of_books(*read), bytes_of_books(books()));
    EXPECT_EQ(read->held.at(0).free, MicroUsd{-26});
    EXPECT_EQ(read->owned.at(0).lent.at(0).returned, MicroUsd{19});
    EXPECT_EQ(read->owns, books().owns);
    MoneyBooks changed = books();
    changed.kept[0].returned = {30};
    EXPECT_NE(bytes_of_books(changed), bytes_of_books(books()));
}

}  // namespace
}  // namespace vidai::mesh::wire
