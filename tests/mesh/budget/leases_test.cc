// SPDX-License-Identifier: Apache-2.0
// How much a holder asks for, ahead of need and not, and how long it keeps it.
#include "mesh/budget/leases.h"

#include <chrono>
#include <vector>

#include <gtest/gtest.h>

namespace vidai::mesh::budget {
namespace {

using namespace std::chrono_literals;

const BudgetId kTeamBudget("team-a");
const BudgetWindow kMoney{kTeamBudget, 0};
constexpr MicroUsd kMuch{10'000'000};  // of which a few requests of 10 are a trifle

// One process's leases of one budget, whose owner the tests play.
class LeasesTest : public ::testing::Test {
  protected:
    void ask(std::int64_t need) { leases.on_ask(kTeamBudget, {need}, now, out); }
    // All that is wanted is granted.
    void grant(MicroUsd left) {
        const Want wanted = wants().back();
        out.clear();
        leases.on_grant({wanted.account, kMoney, wanted.total, {Standing::kOpen, left, left}}, now,
                        out);
    }
    Account& account() { return *leases.purse(kMoney)->account; }
    void spend(std::int64_t reserved, std::int64_t spent) {
        ASSERT_TRUE(account().reserve({reserved}));
        account().settle({reserved}, {spent});
    }
    void run(Duration time) {
        for (const MonoTime end = now + time; now < end; now += 50ms) leases.on_tick(now, out);
    }
    template <class What>
    std::vector<What> said() const {
        std::vector<What> all;
        for (const Outgoing& one : out) {
            if (const auto* what = std::get_if<What>(&one.message)) all.push_back(*what);
        }
        return all;
    }
    std::vector<Want> wants() const { return said<Want>(); }
    std::vector<Report> reports() const { return said<Report>(); }

    const LedgerKey owner{};
    Leases leases{{owner, {1}},
                  [this](Bucket) { return Leases::Lender{{owner, 1}, {1}}; },
                  [](const AccountName&) { return false; }};
    Outbox out;
    MonoTime now{1s};
};

TEST_F(LeasesTest, AskAnOwnerOnceForAllThatWait) {
    ask(10);
    ASSERT_EQ(out.size(), 1U);
    for (int i = 1; i < 50; ++i) {
        now += 1ms;
        ask(10);
    }
    EXPECT_EQ(out.size(), 1U) << "the question is under way";
    ask(20);
    EXPECT_EQ(out.size(), 2U) << "that was for less";
    now += 100ms;
    ask(20);
    EXPECT_EQ(out.size(), 3U) << "the answer is late";
}

TEST_F(LeasesTest, HaveRoomForARequestMore) {
    ask(10);
    EXPECT_EQ(wants().back().total, MicroUsd{20}) << "what is left nobody has said";
    EXPECT_EQ(wants().back().need, MicroUsd{10});
}

TEST_F(LeasesTest, AreFilledBeforeARequestFindsTooLittle) {
    ask(10);
    grant(kMuch);
    spend(10, 4);
    run(50ms);
    spend(10, 4);
    run(100ms);
    EXPECT_TRUE(wants().empty()) << "12 are there for 10";
    spend(10, 4);
    run(50ms);
    ASSERT_EQ(wants().size(), 1U) << "8 are not";
    EXPECT_EQ(wants().back().need, MicroUsd{}) << "nobody waits";
    // 12 spent, 10 for the dearest, and eight of it, which are a trifle.
    EXPECT_EQ(wants().back().total, MicroUsd{12 + 10 + 80});
    grant(kMuch);
    for (int i = 0; i < 10; ++i) spend(10, 6);
    run(50ms);
    EXPECT_TRUE(wants().empty()) << "ten more were paid for";
}

TEST_F(LeasesTest, OfALittleAreNotFilledWithMuch) {
    ask(10);
    grant({10'240});
    spend(10, 10);
    spend(10, 10);
    run(100ms);
    ASSERT_FALSE(wants().empty());
    // What was spent in a second, which is more than a request, which is 1/1,024 of what is left.
    EXPECT_EQ(wants().back().total, MicroUsd{20 + 10 + 20});
}

TEST_F(LeasesTest, AskForLessOnceRequestsAreCheaper) {
    ask(1'000);
    grant(kMuch);
    for (int i = 0; i < 60; ++i) {
        spend(10, 0);
        run(1s);
    }
    ask(10);
    EXPECT_EQ(wants().back().total, MicroUsd{10 + 80});
}

TEST_F(LeasesTest, OfWhatIsScarceGoBackAfterTwoSeconds) {
    ask(10);
    grant({600});
    spend(10, 10);
    run(1900ms);
    EXPECT_TRUE(reports().empty());
    run(300ms);
    ASSERT_FALSE(reports().empty());
    EXPECT_GT(reports().back().returned, MicroUsd{});
}

TEST_F(LeasesTest, OfPlentyAreKeptForAMinute) {
    ask(10);
    grant(kMuch);
    spend(10, 5);
    run(58s);
    ASSERT_EQ(reports().size(), 1U) << "what was spent is told";
    EXPECT_EQ(reports().back().spent, MicroUsd{5});
    EXPECT_EQ(reports().back().returned, MicroUsd{});
    run(3s);
    EXPECT_EQ(reports().back().returned, MicroUsd{15});
}

TEST_F(LeasesTest, InUseTellWhatIsSpent) {
    ask(10);
    grant(kMuch);
    for (int i = 0; i < 20; ++i) {
        spend(1, 1);
        run(1s);
        if (!wants().empty()) grant(kMuch);
    }
    EXPECT_GE(reports().size(), 1U);
    EXPECT_LE(reports().size(), 4U);
}

TEST_F(LeasesTest, ThatWereRecalledAreNotFilledAtOnce) {
    ask(10);
    grant(kMuch);
    spend(10, 5);
    leases.on_recall({kMoney}, now, out);
    EXPECT_EQ(reports().back().returned, MicroUsd{15});
    run(900ms);
    EXPECT_TRUE(wants().empty()) << "others need it";
    ask(10);
    EXPECT_EQ(wants().size(), 1U) << "a request that waits asks all the same";
}

// Who has spent much lately asks for more ahead, and is told that there is none.
TEST_F(LeasesTest, GoBackThoughNoMoreIsToBeHad) {
    const auto answer_all = [&]() {
        for (const Want& want : wants()) {
            leases.on_grant({want.account, kMoney, {1'000}, {Standing::kOpen, {1'000}, {}}}, now,
                            out);
        }
        out.clear();
    };
    run(50ms);
    ask(900);
    answer_all();
    spend(900, 900);
    for (int i = 0; i < 60; ++i) {
        run(50ms);
        answer_all();
    }
    EXPECT_EQ(account().returned(), MicroUsd{100});
}

TEST_F(LeasesTest, OfADeletedBudgetGoBackAtOnce) {
    ask(10);
    grant(kMuch);
    leases.on_changed({kTeamBudget}, now, out);
    const Want wanted = wants().back();
    leases.on_grant({wanted.account, kMoney, {}, {Standing::kDeleted, {}, {}}}, now, out);
    ASSERT_FALSE(reports().empty());
    EXPECT_EQ(account().free(), MicroUsd{});
}

}  // namespace
}  // namespace vidai::mesh::budget
