// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/register_relay.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace vidai::mesh::state {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kMono{1h};
const NodeId kAuthor("n1"), kFrom("n2");

RegisterRelay relay_with(std::size_t peers, const RegisterRelayOptions& options = {}) {
    RegisterRelay relay(options, 7);
    for (std::size_t i = 1; i <= peers; ++i) relay.on_connected(NodeId("n" + std::to_string(i)));
    return relay;
}

TEST(RegisterRelay, TellsSomeConnectionsButNeitherTheAuthorNorTheTeller) {
    RegisterRelay relay = relay_with(64);
    std::set<NodeId> told;
    for (int i = 0; i < 100; ++i) {
        const std::vector<NodeId> next = relay.next(kAuthor, kFrom, 100, 1'000, kMono + i * 1s);
        EXPECT_EQ(next.size(), 8u);
        EXPECT_EQ(std::set<NodeId>(next.begin(), next.end()).size(), 8u) << "different ones";
        told.insert(next.begin(), next.end());
    }
    EXPECT_EQ(told.size(), 62u) << "all the others, in time";
    EXPECT_FALSE(told.contains(kAuthor) || told.contains(kFrom));
}

TEST(RegisterRelay, TellsNobodyWhereEverybodyIsConnectedToTheAuthor) {
    RegisterRelay relay = relay_with(64);
    EXPECT_TRUE(relay.next(kAuthor, kFrom, 100, 100, kMono).empty());
    EXPECT_EQ(relay.next(kAuthor, kFrom, 100, 101, kMono).size(), 8u);
}

TEST(RegisterRelay, TellsOfWhatComparingFoundInAMeshOfAnySize) {
    RegisterRelay relay = relay_with(64, {.bytes = {1'000, 5'000}});
    EXPECT_EQ(relay.next_of_found(kAuthor, kFrom, 5'000, kMono).size(), 8u);
    EXPECT_TRUE(relay.next_of_found(kAuthor, kFrom, 1'000, kMono).empty()) << "its bytes are spent";
}

TEST(RegisterRelay, TellsNobodyWhoIsNotConnectedAnyMore) {
    RegisterRelay relay = relay_with(4);
    relay.on_disconnected(NodeId("n3"));
    EXPECT_EQ(relay.next(kAuthor, kFrom, 100, 1'000, kMono), std::vector<NodeId>{NodeId("n4")});
}

TEST(RegisterRelay, PassesOnAsManyBytesOfOneAuthorAsItMayWrite) {
    RegisterRelay relay = relay_with(64, {.bytes = {1'000, 5'000}});
    const auto passed = [&](MonoTime now) {
        int count = 0;
        while (count < 100 && !relay.next(kAuthor, kFrom, 1'000, 1'000, now).empty()) ++count;
        return count;
    };
    EXPECT_EQ(passed(kMono), 5);
    EXPECT_FALSE(relay.next(NodeId("other"), kFrom, 1'000, 1'000, kMono).empty());
    EXPECT_EQ(passed(kMono + 2s), 2);
}

TEST(RegisterRelay, RemembersNoMoreAuthorsThanItMay) {
    RegisterRelay relay = relay_with(64, {.bytes = {32'768, 1'000}, .authors_max = 2});
    for (const char* author : {"a", "b", "c"}) {
        EXPECT_FALSE(relay.next(NodeId(author), kFrom, 1'000, 1'000, kMono).empty());
    }
    // The table was full and is empty again: its burst once more, not for ever.
    EXPECT_FALSE(relay.next(NodeId("a"), kFrom, 1'000, 1'000, kMono).empty());
    EXPECT_TRUE(relay.next(NodeId("a"), kFrom, 1'000, 1'000, kMono).empty());
}

}  // namespace
}  // namespace vidai::mesh::state
