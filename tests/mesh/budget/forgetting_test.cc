// SPDX-License-Identifier: Apache-2.0
// Logs that are long go on in next ones, and what nobody needs any more is forgotten, in memory and
// on the disk.
#include <algorithm>
#include <cstddef>
#include <vector>

#include "tests/mesh/budget/bank_mesh.h"

namespace vidai::mesh::budget {
namespace {

const BudgetId kTeamBudget("team-a");
const BudgetWindow kMoney{kTeamBudget, 0};

// What is forgotten, and when.
class LongLogs : public ::testing::Test {
  protected:
    void SetUp() override {
        for (std::size_t i = 0; i < 3; ++i) mesh.start(i);
        ASSERT_TRUE(
            mesh.run_until([&]() { return mesh.owned(1) > 300 && mesh.owned(2) > 300; }, 60s));
        ASSERT_TRUE(mesh.define(0, kTeamBudget, 1'000'000));
    }
    std::uint32_t generation(std::size_t i) {
        return mesh.bank(i).books().newest()->header().id.generation;
    }
    // And gives back what it does not need, each time.
    void spend(int times) {
        for (int i = 0; i < times; ++i) {
            ASSERT_TRUE(mesh.spend(static_cast<std::size_t>(i % 3), kMoney, {10}, 5s));
            mesh.run(61s);  // such a small part of what is left is kept for a minute
            billed += 10;
        }
    }
    std::size_t copies(std::size_t i, std::size_t of) {
        return static_cast<std::size_t>(std::ranges::count_if(
            mesh.bank(i).books().kept(),
            [&](const auto& one) { return one.first.ledger == mesh.key(of); }));
    }
    BankMesh mesh{3, {.log_bytes = 20'000}};
    std::int64_t billed = 0;
};

TEST_F(LongLogs, GoOnInAnotherAndLeaveNothingBehind) {
    std::size_t owner = 0;
    while (!mesh.bank(owner).hello().owned[bucket_of(kTeamBudget).value]) ++owner;
    const std::uint32_t before = generation(owner);
    spend(130);
    EXPECT_GT(generation(owner), before + 1);
    mesh.run(10s);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(mesh.bank(i).books().own().size(), 1U) << i;
        EXPECT_EQ(mesh.bank(i).books().kept().size(), 2U) << i;
    }
    const auto compacted = [&]() {
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            const std::size_t all = mesh.disk_bytes(i);
            mesh.compact(i);
            EXPECT_LT(mesh.disk_bytes(i), all) << i;
            bytes += mesh.disk_bytes(i);
        }
        return bytes;
    };
    const std::size_t bytes = compacted();
    spend(100);
    mesh.run(10s);
    EXPECT_LT(compacted(), bytes * 3 / 2) << "and does not grow";
    for (std::size_t i = 0; i < 3; ++i) mesh.crash(i);
    for (std::size_t i = 0; i < 3; ++i) mesh.start(i);
    spend(3);
    EXPECT_EQ(mesh.billed(kMoney).value, billed);
    mesh.run(10s);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(mesh.bank(i).books().own().size(), 1U) << "and after a restart";
    }
}

// Of a node alone, too, whom nobody can tell.
TEST(LongLog, OfANodeAlone) {
    BankMesh mesh(1, {.log_bytes = 5'000});
    mesh.start(0);
    mesh.run(100ms);
    ASSERT_TRUE(mesh.define(0, kTeamBudget, 1'000));
    for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(mesh.spend(0, kMoney, {10}));
        mesh.run(2500ms);
    }
    const std::uint32_t generation = mesh.bank(0).books().newest()->header().id.generation;
    EXPECT_GT(generation, 2U);
    EXPECT_EQ(mesh.bank(0).books().own().size(), 1U);
    mesh.compact(0);
    mesh.crash(0);
    mesh.start(0);
    int served = 50;
    while (mesh.spend(0, kMoney, {10})) ++served;
    EXPECT_LE(served, 100);
    EXPECT_GE(served, 85) << "a crash strands a portion, not the rest";
}

TEST_F(LongLogs, OfOneThatNeverComesBackAreForgottenWhenTheyAreTaken) {
    spend(30);
    mesh.crash(2);
    mesh.declare_dead(2);
    EXPECT_GT(copies(0, 2) + copies(1, 2), 0U);
    ASSERT_TRUE(mesh.run_until([&]() { return copies(0, 2) + copies(1, 2) == 0; }, 60s));
    EXPECT_EQ(mesh.owned(0) + mesh.owned(1), kBuckets);
    for (std::size_t i = 0; i < 2; ++i) mesh.compact(i);
    for (std::size_t i = 0; i < 2; ++i) mesh.crash(i);
    for (std::size_t i = 0; i < 2; ++i) mesh.start(i);
    EXPECT_TRUE(mesh.spend(0, kMoney, {10}, 10s));
    mesh.start(2);  // and comes back all the same
    EXPECT_TRUE(mesh.spend(2, kMoney, {10}, 20s));
    mesh.run(20s);
    EXPECT_EQ(mesh.bank(2).books().own().size(), 1U);
    EXPECT_EQ(mesh.owned(0) + mesh.owned(1) + mesh.owned(2), kBuckets);
}

// A node whose log was sealed may say that it owns the bucket before it hears of that.
TEST(AnOut, IsForgottenByItsTakersWordAndNobodyElses) {
    BankMesh mesh(3, {.sync = 300ms});
    for (std::size_t i = 0; i < 3; ++i) mesh.start(i);
    const auto passing = [&]() { return mesh.bank(0).books().newest()->ledger.state().passing(); };
    ASSERT_TRUE(mesh.run_until([&]() { return !passing().empty(); }, 60s));
    const LedgerKey to = passing().begin()->second.to.ledger;
    const std::size_t other = to == mesh.key(1) ? 2 : 1;
    Hello claims = mesh.bank(other).hello();
    claims.owned.set();
    mesh.bank(0).on_message(mesh.key(other), claims, mesh.now);
    EXPECT_FALSE(passing().empty());
    EXPECT_TRUE(mesh.run_until([&]() { return passing().empty(); }, 60s));
    EXPECT_GT(mesh.owned(3 - other), 0U);
}

// What it had written and nobody has seen is taken by nobody.
TEST(AnOut, BehindWhatAnHeirAdoptedKeepsNoLog) {
    BankMesh mesh(3, {.sync = 300ms});
    for (std::size_t i = 0; i < 3; ++i) mesh.start(i);
    const auto gives = [&]() {
        return !mesh.bank(0).books().newest()->ledger.state().passing().empty();
    };
    ASSERT_TRUE(mesh.run_until(gives, 60s));
    mesh.cut(0, 1);
    mesh.cut(0, 2);
    mesh.run(1s);
    mesh.declare_dead(0);
    ASSERT_TRUE(mesh.run_until([&]() { return mesh.owned(1) + mesh.owned(2) == kBuckets; }, 60s));
    mesh.heal();
    mesh.run(60s);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(mesh.bank(i).books().own().size(), 1U) << i;
        EXPECT_EQ(mesh.bank(i).books().kept().size(), 2U) << i;
    }
    EXPECT_EQ(mesh.owned(0) + mesh.owned(1) + mesh.owned(2), kBuckets);
}

// Its custodians have forgotten the log that it would go on in; one of them is enough to know it.
TEST_F(LongLogs, OfAVolumeThatWasRolledBackAreFrozen) {
    spend(20);
    std::size_t old = 0;
    while (!mesh.bank(old).hello().owned[bucket_of(kTeamBudget).value]) ++old;
    const std::vector<Record> copy = mesh.disk(old);
    const std::uint32_t before = generation(old);
    while (generation(old) < before + 2) spend(10);
    mesh.run(10s);
    mesh.crash(old);
    mesh.crash((old + 1) % 3);
    mesh.disk(old) = copy;
    mesh.start(old);
    ASSERT_TRUE(mesh.run_until([&]() { return !mesh.bank(old).frozen().empty(); }, 5s));
    EXPECT_NE(mesh.bank(old).frozen().find("rolled back"), std::string::npos);
}

}  // namespace
}  // namespace vidai::mesh::budget
