// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/account.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "schema/base/rng.h"

namespace vidai::mesh::budget {
namespace {

TEST(Account, SpendsWhatItWasGrantedAndNoMore) {
    Account account;
    EXPECT_FALSE(account.reserve({1}));
    account.on_grant({10});
    EXPECT_TRUE(account.reserve({7}));
    EXPECT_FALSE(account.reserve({4}));
    account.settle({7}, {5});
    EXPECT_EQ(account.free().value, 5);
    EXPECT_TRUE(account.reserve({5}));
    EXPECT_EQ(account.free().value, 0);
}

TEST(Account, TakesTheGreatestOfWhatItWasEverGranted) {
    Account account;
    account.on_grant({10});
    account.on_grant({10});
    account.on_grant({4});  // an old message
    EXPECT_EQ(account.granted().value, 10);
}

TEST(Account, GivesBackOnlyWhatIsIdle) {
    Account account;
    account.on_grant({10});
    ASSERT_TRUE(account.reserve({6}));
    EXPECT_EQ(account.give_back({100}).value, 4);
    EXPECT_EQ(account.give_back({1}).value, 4) << "the rest is reserved";
    EXPECT_FALSE(account.reserve({1})) << "what was given back is not spent as well";
    account.settle({6}, {2});
    EXPECT_EQ(account.give_back({100}).value, 8) << "a total";
    EXPECT_EQ(account.give_back({-1}).value, 8) << "never less";
}

TEST(Account, OwesWhatTheProviderChargedBeyondTheReservation) {
    Account account;
    account.on_grant({10});
    ASSERT_TRUE(account.reserve({10}));
    account.settle({10}, {13});
    EXPECT_EQ(account.free().value, -3);
    EXPECT_EQ(account.give_back({1}).value, 0);
    account.on_grant({20});
    EXPECT_FALSE(account.reserve({8}));
    EXPECT_EQ(account.free().value, 7) << "of the next money the debt comes first";
    EXPECT_TRUE(account.balance().conserved());
}

TEST(Account, CoversNothingEvenInDebt) {
    Account account;
    EXPECT_TRUE(account.reserve({0}));
    account.settle({0}, {5});
    EXPECT_EQ(account.free().value, -5);
    EXPECT_TRUE(account.reserve({0}));
    EXPECT_FALSE(account.reserve({1}));
    EXPECT_TRUE(account.balance().conserved());
}

TEST(Account, SettlesAReservationInParts) {
    Account account;
    account.on_grant({10});
    ASSERT_TRUE(account.reserve({9}));
    account.settle({5}, {0});
    EXPECT_EQ(account.free().value, 6);
    account.settle({4}, {3});
    EXPECT_EQ(account.balance(), (Balance{{10}, {3}, {0}, {0}, {7}}));
    EXPECT_DEATH(account.settle({1}, {0}), "more settled than was reserved");
}

TEST(Account, SaysWhetherAGrantIsMoreThanWasKnown) {
    Account account;
    EXPECT_TRUE(account.on_grant({10}));
    EXPECT_FALSE(account.on_grant({10}));
    EXPECT_FALSE(account.on_grant({9}));
    EXPECT_TRUE(account.on_grant({11}));
}

TEST(Account, RemembersTheDearestThatWasAskedOfIt) {
    Account account;
    EXPECT_TRUE(account.on_grant({100}));
    EXPECT_TRUE(account.reserve({10}));
    EXPECT_FALSE(account.reserve({95})) << "granted or not";
    EXPECT_TRUE(account.reserve({20}));
    EXPECT_EQ(account.take_dearest(), MicroUsd{95});
    EXPECT_EQ(account.take_dearest(), MicroUsd{});
    account.settle({30}, {});
}

TEST(Account, IsCopiedWholeForWhoExploresStates) {
    Account account;
    account.on_grant({20});
    ASSERT_TRUE(account.reserve({5}));
    account.settle({2}, {1});
    account.give_back({4});
    const Account copy = account.copy();
    EXPECT_EQ(copy.balance(), account.balance());
    ASSERT_TRUE(account.reserve({1}));
    EXPECT_NE(copy.balance(), account.balance());
}

// Workers reserve, settle and overrun while the mesh thread grants and takes back: nothing is spent
// that was not granted but for what ran over, and in the end all of it adds up.
TEST(Account, AddsUpWhateverWorkersAndTheMeshThreadDoAtOnce) {
    constexpr int kWorkers = 4, kRounds = 50'000;
    Account account;
    std::atomic<bool> over{false};
    std::array<std::int64_t, kWorkers> spent{}, overrun{};
    std::vector<std::thread> workers;
    for (int w = 0; w < kWorkers; ++w) {
        workers.emplace_back([&account, w, mine = &spent[static_cast<std::size_t>(w)],
                              beyond = &overrun[static_cast<std::size_t>(w)]] {
            Rng rng(static_cast<std::uint64_t>(w) + 1);
            for (int i = 0; i < kRounds; ++i) {
                const MicroUsd amount{static_cast<std::int64_t>(rng.below(100))};
                if (!account.reserve(amount)) continue;
                const auto charge = static_cast<std::int64_t>(rng.below(110));
                *mine += charge;
                *beyond += std::max<std::int64_t>(0, charge - amount.value);
                account.settle(amount, {charge});
            }
        });
    }
    std::thread mesh([&] {
        Rng rng(99);
        std::int64_t total = 0;
        do {
            account.on_grant({total += static_cast<std::int64_t>(rng.below(200))});
            account.give_back({static_cast<std::int64_t>(rng.below(50))});
        } while (!over.load(std::memory_order_relaxed));
    });
    for (std::thread& worker : workers) worker.join();
    over.store(true, std::memory_order_relaxed);
    mesh.join();
    std::int64_t spent_in_all = 0, overrun_in_all = 0;
    for (const std::int64_t one : spent) spent_in_all += one;
    for (const std::int64_t one : overrun) overrun_in_all += one;
    const Balance balance = account.balance();
    EXPECT_TRUE(balance.conserved());
    EXPECT_EQ(balance.spent.value, spent_in_all);
    EXPECT_EQ(balance.reserved.value, 0);
    EXPECT_GE(balance.free.value, -overrun_in_all);
    EXPECT_LE(balance.spent + balance.returned, balance.granted + MicroUsd{overrun_in_all});
}

// The last of the money goes to as many as it covers, and to none beside.
TEST(Account, GivesItsLastMoneyToNoTwo) {
    constexpr int kWorkers = 4, kRounds = 2'000;
    for (int round = 0; round < kRounds; ++round) {
        Account account;
        account.on_grant({3});
        std::atomic<int> taken{0};
        std::atomic<int> started{0};
        std::array<std::thread, kWorkers> workers;
        for (std::thread& worker : workers) {
            worker = std::thread([&] {
                ++started;
                while (started.load() < kWorkers) std::this_thread::yield();
                if (account.reserve({2})) ++taken;
            });
        }
        for (std::thread& worker : workers) worker.join();
        ASSERT_EQ(taken.load(), 1);
        ASSERT_EQ(account.free().value, 1);
    }
}

}  // namespace
}  // namespace vidai::mesh::budget
