// SPDX-License-Identifier: Apache-2.0
// Budgets that renew: whose money is whose window's, and clocks that are off.
#include <chrono>

#include <gtest/gtest.h>

#include "tests/mesh/budget/bank_mesh.h"

namespace vidai::mesh::budget {
namespace {

const BudgetId kDaily("daily");
// Ten seconds before midnight, when mono is 0.
constexpr WallTime kEvening{std::chrono::days(20'000) - std::chrono::seconds(30)};
constexpr Ordinal kToday = 19'999, kTomorrow = 20'000;

class Windows : public ::testing::Test {
  protected:
    Windows() {
        mesh_.wall = [this](std::size_t i) { return time_of(i); };
        for (std::size_t i = 0; i < 3; ++i) mesh_.start(i);
        mesh_.run(8s);  // until each log has custodians
        Edit wanted;
        wanted.budget = kDaily;
        wanted.limit = {10'000};
        wanted.rule = {Period::kDay, {}};
        const auto done = mesh_.edit(0, wanted);
        EXPECT_TRUE(done && done->done) << done->message;
    }
    std::optional<WallTime> time_of(std::size_t i) const {
        if (!right_) return std::nullopt;
        return kEvening + std::chrono::floor<WallTime::duration>(mesh_.now.time_since_epoch()) +
               skew_[i];
    }
    void run_to_midnight() {
        while (*time_of(0) < kEvening + 30s) mesh_.run(100ms);
    }
    // Which all spend in their sleep: the clocks go on by a day at once.
    void sleep_to_the_next_evening() {
        const auto midnight = std::chrono::ceil<std::chrono::days>(time_of(0)->time_since_epoch());
        while (time_of(0)->time_since_epoch() < midnight + 1s) mesh_.run(100ms);
        for (auto& skew : skew_) skew += std::chrono::days(1) - 20s;
        mesh_.run(100ms);
    }
    // By all nodes in turn, until nobody gets any; how much that was.
    std::int64_t spend_all() {
        std::int64_t spent = 0;
        for (int dry = 0; dry < 3;) {
            dry = 0;
            for (std::size_t i = 0; i < 3; ++i) {
                if (!mesh_.up(i) || !mesh_.spend_now(i, kDaily, {50}, 400ms)) {
                    ++dry;
                } else {
                    spent += 50;
                }
            }
        }
        return spent;
    }
    std::int64_t billed(Ordinal window) { return mesh_.billed({kDaily, window}).value; }
    std::size_t owner() {
        for (std::size_t i = 0; i < 3; ++i) {
            if (mesh_.up(i) &&
                mesh_.bank(i).owner().position({kDaily, 0}).standing != Standing::kUnknown) {
                return i;
            }
        }
        return 3;
    }

    BankMesh mesh_{3, {}};
    bool right_ = true;
    std::array<std::chrono::milliseconds, 3> skew_{};
};

Edit top_up_of(const char* id, std::int64_t amount, WallTime until = {}) {
    Edit wanted{0, Edit::Kind::kTopUp, kDaily, {}};
    wanted.top_up_id = id;
    wanted.top_up = {{amount}, until, {}};
    return wanted;
}

TEST_F(Windows, ATopUpEndsWithItsWindowWhereNothingElseIsSaid) {
    ASSERT_TRUE(mesh_.edit(1, top_up_of("fair", 2'000))->done);
    EXPECT_EQ(mesh_.edit(2, top_up_of("fair", 2'000))->code, ErrorCode::kAlreadyExists);
    EXPECT_EQ(spend_all(), 12'000);
    run_to_midnight();
    mesh_.run(1s);
    EXPECT_EQ(spend_all(), 10'000);
    EXPECT_EQ(billed(kTomorrow), 10'000);
    EXPECT_EQ(mesh_.edit(2, top_up_of("fair", 2'000))->code, ErrorCode::kAlreadyExists)
        << "it has been";
}

TEST_F(Windows, ATopUpMayLastLongerAndBeEndedByHand) {
    ASSERT_TRUE(mesh_.edit(1, top_up_of("fair", 2'000, kEvening + std::chrono::days(9)))->done);
    EXPECT_EQ(spend_all(), 12'000);
    run_to_midnight();
    mesh_.run(1s);
    EXPECT_TRUE(mesh_.spend_now(0, kDaily, {50}));
    Edit end{0, Edit::Kind::kEndTopUp, kDaily, {}};
    end.top_up_id = "fair";
    ASSERT_TRUE(mesh_.edit(2, end)->done);
    EXPECT_EQ(mesh_.edit(2, end)->code, ErrorCode::kNotFound);
    EXPECT_EQ(spend_all(), 9'950);
}

TEST_F(Windows, ATopUpEndsWithoutAnybodyAskingAndOnlyByAClockThatIsTrusted) {
    ASSERT_TRUE(mesh_.edit(1, top_up_of("fair", 2'000, kEvening + 15s))->done);
    EXPECT_TRUE(mesh_.spend_now(0, kDaily, {50}));
    const auto open = [&]() {
        return mesh_.bank(owner()).owner().sight(kDaily, mesh_.now).top_ups.size();
    };
    right_ = false;
    mesh_.run(9s);
    EXPECT_EQ(open(), 1U);
    EXPECT_EQ(spend_all(), 11'950);
    EXPECT_EQ(mesh_.edit(1, top_up_of("late", 1))->code, ErrorCode::kUnavailable);
    right_ = true;
    mesh_.run(1s);
    EXPECT_EQ(open(), 0U);
    EXPECT_FALSE(mesh_.spend_now(0, kDaily, {50}, 400ms));
    EXPECT_EQ(mesh_.edit(1, top_up_of("late", 1, kEvening))->code, ErrorCode::kInvalidRequest);
}

TEST_F(Windows, ANewOneHasTheWholeLimitAndTheOldOneNoMore) {
    EXPECT_EQ(spend_all(), 10'000);
    EXPECT_EQ(billed(kToday), 10'000);
    run_to_midnight();
    mesh_.run(1s);
    EXPECT_EQ(spend_all(), 10'000);
    EXPECT_EQ(billed(kToday), 10'000);
    EXPECT_EQ(billed(kTomorrow), 10'000);
}

TEST_F(Windows, WhatIsLeftOfOneIsNotTheNextOnes) {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(mesh_.spend_now(1, kDaily, {50}));
    run_to_midnight();
    mesh_.run(1s);
    EXPECT_EQ(spend_all(), 10'000);
    EXPECT_EQ(billed(kToday), 500);
    EXPECT_EQ(billed(kTomorrow), 10'000);
}

TEST_F(Windows, ClocksThatDifferMoveTheBoundaryAndNoMoney) {
    skew_ = {{{}, 700ms, -900ms}};
    std::int64_t spent = 0;
    while (*time_of(0) < kEvening + 33s) {
        for (std::size_t i = 0; i < 3; ++i) {
            spent += mesh_.spend_now(i, kDaily, {50}, 60ms) ? 50 : 0;
        }
    }
    spent += spend_all();
    EXPECT_LE(billed(kToday), 10'000);
    EXPECT_EQ(billed(kTomorrow), 10'000);
    EXPECT_EQ(spent, billed(kToday) + billed(kTomorrow));
}

TEST_F(Windows, AnHeirGoesOnInTheWindowThatWasOpen) {
    ASSERT_TRUE(mesh_.spend_now(1, kDaily, {50}));
    run_to_midnight();
    mesh_.run(200ms);
    ASSERT_TRUE(mesh_.spend_now(1, kDaily, {50}));
    const std::size_t lost = owner();
    ASSERT_LT(lost, 3U);
    skew_ = {{-5s, -5s, -5s}};  // the others' clocks say that it is still the evening
    mesh_.crash(lost);
    mesh_.declare_dead(lost);
    mesh_.run(8s);
    ASSERT_LT(owner(), 3U);
    spend_all();
    EXPECT_LE(billed(kToday), 10'000);
    EXPECT_LE(billed(kTomorrow), 10'000);
    EXPECT_GE(billed(kTomorrow), 8'000) << "an eighth may be stranded";
}

TEST_F(Windows, NoNewOneOpensByAClockThatIsOff) {
    ASSERT_TRUE(mesh_.spend_now(1, kDaily, {50}));
    right_ = false;
    mesh_.run(100ms);
    while (kEvening + std::chrono::floor<WallTime::duration>(mesh_.now.time_since_epoch()) <
           kEvening + 32s) {
        mesh_.run(100ms);
    }
    EXPECT_TRUE(mesh_.spend_now(1, kDaily, {50})) << "of the window that is open";
    EXPECT_EQ(billed(kTomorrow), 0);
    right_ = true;
    mesh_.run(2s);
    EXPECT_TRUE(mesh_.spend_now(1, kDaily, {50}));
    EXPECT_EQ(billed(kTomorrow), 50);
}

TEST_F(Windows, OfADeletedBudgetNothingIsSpentAndAgainItKeepsWhatWas) {
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(mesh_.spend_now(1, kDaily, {50}));
    Edit gone;
    gone.kind = Edit::Kind::kDelete;
    gone.budget = kDaily;
    const auto deleted = mesh_.edit(2, gone);
    ASSERT_TRUE(deleted && deleted->done);
    mesh_.run(200ms);  // until all have heard of it
    EXPECT_FALSE(mesh_.spend_now(1, kDaily, {50}));
    EXPECT_EQ(mesh_.bank(1).leases().purse({kDaily, kToday})->position.standing,
              Standing::kDeleted);
    const auto twice = mesh_.edit(2, gone);
    ASSERT_TRUE(twice.has_value());
    EXPECT_EQ(twice->code, ErrorCode::kNotFound);
    Edit again;
    again.budget = kDaily;
    again.limit = {6'000};
    again.rule = {Period::kDay, {}};
    const auto made = mesh_.edit(0, again);
    ASSERT_TRUE(made && made->done);
    spend_all();
    EXPECT_LE(billed(kToday), 6'000);
    EXPECT_GE(billed(kToday), 5'900);
}

TEST_F(Windows, AfterAPauseOfMonthsItIsTodaysThatOpens) {
    ASSERT_TRUE(mesh_.spend_now(1, kDaily, {50}));
    run_to_midnight();
    mesh_.run(1s);
    skew_.fill(std::chrono::days(89));
    mesh_.run(100ms);
    ASSERT_TRUE(mesh_.spend_now(1, kDaily, {50}));
    EXPECT_EQ(billed(kToday + 90), 50);
    EXPECT_EQ(spend_all(), 9'950);
    EXPECT_EQ(billed(kToday + 90), 10'000);
}

TEST_F(Windows, AClockThatJumpsOpensNoneBeyondTheNext) {
    ASSERT_TRUE(mesh_.spend_now(1, kDaily, {50}));
    mesh_.steady = false;
    skew_.fill(std::chrono::days(90));
    mesh_.run(30s);  // the holders' windows are over too
    spend_all();
    EXPECT_EQ(billed(kToday + 90), 0);
    EXPECT_LE(billed(kToday), 10'000);
    skew_.fill({});
    mesh_.run(2s);
    EXPECT_TRUE(mesh_.spend_now(1, kDaily, {50}));
    EXPECT_EQ(billed(kTomorrow), 50) << "the next one opens";
}

TEST_F(Windows, AnotherCalendarBeginsAnewAndItsMoneyIsItsOwn) {
    constexpr Ordinal kMonth = kOrdinalsOfOne + 657;  // October 2024
    for (int i = 0; i < 40; ++i) ASSERT_TRUE(mesh_.spend_now(1, kDaily, {50}));
    Edit monthly;
    monthly.kind = Edit::Kind::kSetRule;
    monthly.budget = kDaily;
    monthly.rule = {Period::kMonth, {}};
    auto done = mesh_.edit(2, monthly);
    ASSERT_TRUE(done && done->done) << done->message;
    mesh_.run(1s);
    EXPECT_TRUE(mesh_.spend_now(1, kDaily, {50}));
    const auto again = mesh_.edit(2, monthly);
    ASSERT_TRUE(again && again->done) << "the same again is nothing new";
    EXPECT_EQ(spend_all(), 9'950);
    EXPECT_EQ(billed(kToday), 2'000);
    EXPECT_EQ(billed(kMonth), 10'000);

    Edit for_ever = monthly;
    for_ever.rule = {};
    done = mesh_.edit(0, for_ever);
    ASSERT_TRUE(done && done->done) << done->message;
    mesh_.run(1s);
    EXPECT_EQ(spend_all(), 10'000);
    EXPECT_EQ(billed(2 * kOrdinalsOfOne), 10'000);
    Edit daily = monthly;
    daily.rule = {Period::kDay, {}};
    done = mesh_.edit(1, daily);
    ASSERT_TRUE(done && done->done) << done->message;
    mesh_.run(1s);
    EXPECT_EQ(spend_all(), 10'000);
    EXPECT_EQ(billed(3 * kOrdinalsOfOne + kToday), 10'000);
    EXPECT_EQ(billed(kToday), 2'000) << "never again, though it is the same day";
}

TEST_F(Windows, OfAZoneThatTheOwnerDoesNotKnowNoneIsMade) {
    Edit strange;
    strange.budget = BudgetId("strange");
    strange.limit = {10};
    strange.rule = {Period::kDay, "Mars/Olympus"};
    const auto done = mesh_.edit(0, strange);
    ASSERT_TRUE(done.has_value());
    EXPECT_EQ(done->code, ErrorCode::kInvalidRequest);
    EXPECT_NE(done->message.find("Mars/Olympus"), std::string::npos) << done->message;
}

TEST_F(Windows, OnceThePastIsOnRecordItIsForgotten) {
    for (int day = 0; day < 5; ++day) {
        for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(mesh_.spend_now(i, kDaily, {50})) << day;
        if (day < 4) sleep_to_the_next_evening();
    }
    mesh_.run(15s);
    for (std::size_t i = 0; i < 3; ++i) {
        for (Ordinal window = kToday; window < kToday + 3; ++window) {
            EXPECT_TRUE(mesh_.bank(i).leases().all({kDaily, window}).empty()) << window;
            EXPECT_TRUE(mesh_.bank(owner()).owner().leases({kDaily, window}).empty()) << window;
        }
        EXPECT_FALSE(mesh_.bank(i).leases().all({kDaily, kToday + 4}).empty());
    }
    for (Ordinal window = kToday; window < kToday + 5; ++window) EXPECT_EQ(billed(window), 150);
}

TEST_F(Windows, AfterManyANodeStillGivesAllBack) {
    for (int day = 0; day < 5; ++day) {
        ASSERT_TRUE(mesh_.spend_now(1, kDaily, {50})) << day;
        sleep_to_the_next_evening();
    }
    ASSERT_FALSE(mesh_.bank(1).leases().all({kDaily, kToday + 4}).empty());
    mesh_.bank(1).close(mesh_.now);
    mesh_.run(3s);
    EXPECT_TRUE(mesh_.bank(1).settled());
}

}  // namespace
}  // namespace vidai::mesh::budget
