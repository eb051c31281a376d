// SPDX-License-Identifier: Apache-2.0
#include "mesh/usage/tail.h"

#include <gtest/gtest.h>

namespace vidai::mesh::usage {
namespace {

Record record(std::uint64_t from, std::uint64_t through, std::size_t bytes) {
    return {{from, through}, std::make_shared<const seal::Bytes>(bytes)};
}

TEST(Tail, GivesWhatFollowsANumber) {
    Tail tail;
    tail.push(record(5, 9, 10));
    tail.push(record(10, 12, 10));
    tail.push(record(20, 21, 10));
    EXPECT_TRUE(tail.from(4, 100).empty()) << "that one is on the disk";
    EXPECT_EQ(tail.from(5, 100).size(), 3U);
    EXPECT_EQ(tail.from(9, 20).size(), 2U) << "with the record that it stands in";
    EXPECT_EQ(tail.from(10, 1).size(), 1U) << "one at least";
    EXPECT_TRUE(tail.from(13, 100).empty()) << "no event has it";
    EXPECT_EQ(tail.from(20, 100).front().span, (Span{20, 21}));
    EXPECT_TRUE(tail.from(22, 100).empty());
}

TEST(Tail, HoldsNoMoreThanItsBound) {
    Tail tail;
    for (std::uint64_t n = 1; n <= 9; ++n) tail.push(record(n, n, Tail::kBytesMax / 4));
    EXPECT_TRUE(tail.from(5, Tail::kBytesMax).empty());
    EXPECT_EQ(tail.from(6, Tail::kBytesMax).size(), 4U);
}

}  // namespace
}  // namespace vidai::mesh::usage
