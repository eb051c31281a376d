// SPDX-License-Identifier: Apache-2.0
#include "node/admit/permit.h"

#include <optional>
#include <utility>

#include <gtest/gtest.h>

namespace vidai::node::admit {
namespace {

using mesh::limits::CounterTable;

constexpr WallTime kNow{std::chrono::minutes(30'000'000)};

struct PermitTest : testing::Test {
    PermitTest() { table.open(0); }

    Permit permit() {
        const mesh::state::KeyLimits limits{100, 10'000, 10};
        const auto decision = table.admit(0, limits, {1, Tokens{500}}, kNow);
        EXPECT_TRUE(decision.admitted);
        return Permit(table, decision.ticket);
    }
    void expect(std::uint64_t requests, std::uint64_t tokens, std::uint32_t in_flight,
                std::int64_t spend) {
        const auto use = table.use(0, kNow);
        EXPECT_EQ(use.requests_own, requests);
        EXPECT_EQ(use.tokens_own, tokens);
        EXPECT_EQ(use.in_flight, in_flight);
        EXPECT_EQ(use.spend_own.value, spend);
    }
    CounterTable table{16};
};

TEST_F(PermitTest, HoldsWhatWasReserved) {
    const Permit held = permit();
    EXPECT_FALSE(held.empty());
    expect(1, 500, 1, 0);
}

TEST_F(PermitTest, ReturnsAllWhenNothingWasSent) {
    {
        const Permit dropped = permit();
    }
    expect(0, 0, 0, 0);
}

TEST_F(PermitTest, KeepsTheWorstCaseWhenDroppedAfterSending) {
    {
        Permit dropped = permit();
        dropped.sent(MicroUsd{70});
        dropped.sent(MicroUsd{90});  // a second attempt, at a dearer target
        dropped.sent(MicroUsd{10});
    }
    expect(1, 500, 0, 90);
}

TEST_F(PermitTest, SettlesToTheTruthBelowTheReserve) {
    {
        Permit settled = permit();
        settled.sent(MicroUsd{90});
        settled.settle(Tokens{120}, MicroUsd{7}, kNow);
        EXPECT_TRUE(settled.empty());
    }
    expect(1, 120, 0, 7);
}

TEST_F(PermitTest, SettlesToTheTruthAboveTheReserve) {
    Permit settled = permit();
    settled.sent(MicroUsd{1});
    settled.settle(Tokens{1'700}, MicroUsd{9}, kNow);
    expect(1, 1'700, 0, 9);
}

TEST_F(PermitTest, MovesItsDutyAlong) {
    {
        std::optional<Permit> first(permit());
        Permit second(std::move(*first));
        EXPECT_TRUE(first->empty());  // NOLINT(bugprone-use-after-move): that is the point
        first.reset();
        expect(1, 500, 1, 0);
        second.sent(MicroUsd{5});
        Permit third(std::move(second));
        expect(1, 500, 1, 0);
    }
    expect(1, 500, 0, 5);
}

TEST_F(PermitTest, SettlesWhatItHeldWhenItIsAssignedTo) {
    Permit kept = permit();
    Permit other = permit();
    expect(2, 1'000, 2, 0);
    kept = std::move(other);
    expect(1, 500, 1, 0);
    kept.settle(Tokens{500}, MicroUsd{1}, kNow);
    expect(1, 500, 0, 1);
}

TEST_F(PermitTest, SurvivesBeingMovedToItself) {
    Permit held = permit();
    Permit& same = held;
    held = std::move(same);
    EXPECT_FALSE(held.empty());
    expect(1, 500, 1, 0);
}

TEST_F(PermitTest, CannotSettleTwice) {
    Permit settled = permit();
    settled.settle(Tokens{1}, MicroUsd{1}, kNow);
    EXPECT_DEATH(settled.settle(Tokens{1}, MicroUsd{1}, kNow), "settled twice");
    EXPECT_DEATH(settled.sent(MicroUsd{1}), "without a permit");
}

}  // namespace
}  // namespace vidai::node::admit
