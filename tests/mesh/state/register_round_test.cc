// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/register_round.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/mesh/state/origins.h"

namespace vidai::mesh::state {
namespace {

using testing::kNow;
using testing::Origin;
using testing::Origins;
using testing::write;

constexpr std::size_t kBytes = 4'096;

std::vector<Register> registers_of(const Page& page) {
    std::vector<Register> told;
    for (const Register* each : page.registers) told.push_back(*each);
    return told;
}

TEST(RegisterRound, TakesAllThatAPeerHolds) {
    const Origins mesh;
    const Origin a = mesh.make("a");
    RegisterSet theirs;
    for (int i = 0; i < 900; ++i) {
        const std::string value(i % 300 == 7 ? 10'000 : 1, 'v');
        (void)theirs.merge(write(a, "key" + std::to_string(i), Hlc::at(kNow), value));
    }
    RegisterRound round;
    std::size_t told = 0;
    for (bool more = true; more;) {
        const Page page = theirs.page({}, round.from(), kBytes);
        const auto taken = round.take(registers_of(page), page.next, kBytes);
        ASSERT_TRUE(taken.has_value()) << taken.error().message;
        told += page.registers.size();
        more = *taken;
    }
    EXPECT_EQ(told, 900U);
}

TEST(RegisterRound, TakesNoMoreThanWasAskedFor) {
    const Origins mesh;
    const Origin a = mesh.make("a");
    const std::vector<Register> many(100, write(a, "k", Hlc::at(kNow), "v"));
    const auto taken = RegisterRound().take(many, std::nullopt, kBytes);
    ASSERT_FALSE(taken.has_value());
    EXPECT_EQ(taken.error().code, ErrorCode::kProtocol);
    const std::vector<Register> one{write(a, "k", Hlc::at(kNow), std::string(30'000, 'v'))};
    EXPECT_TRUE(RegisterRound().take(one, std::nullopt, kBytes)) << "it cannot be torn apart";
}

TEST(RegisterRound, GoesOnBehindWhereItHasBeen) {
    const Origins mesh;
    const std::vector<Register> told{write(mesh.make("a"), "k", Hlc::at(kNow), "v")};
    RegisterRound round;
    const Cursor at{7, RegisterName{RegisterKind::kKey, "k"}};
    ASSERT_EQ(round.take(told, at, kBytes), true);
    EXPECT_EQ(round.from(), at);
    EXPECT_FALSE(RegisterRound(round).take(told, at, kBytes));
    EXPECT_FALSE(RegisterRound(round).take(told, Cursor{7, std::nullopt}, kBytes));
    EXPECT_EQ(RegisterRound(round).take(told, Cursor{8, std::nullopt}, kBytes), true);
}

// It began again and again where a peer always had one more.
TEST(RegisterRound, EndsThoughAPeerAlwaysHasOneMore) {
    const Origins mesh;
    const std::vector<Register> told{write(mesh.make("a"), "k", Hlc::at(kNow), "v")};
    RegisterRound round;
    std::size_t pages = 0;
    for (bool more = true; more; ++pages) {
        ASSERT_LE(pages, kRegistersMax);
        const Cursor next{7, RegisterName{RegisterKind::kKey, std::to_string(1'000'000 + pages)}};
        more = round.take(told, next, kBytes).has_value();
    }
    EXPECT_EQ(pages, kRegistersMax + 1) << "so many there may be";
}

}  // namespace
}  // namespace vidai::mesh::state
