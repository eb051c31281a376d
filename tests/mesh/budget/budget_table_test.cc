// SPDX-License-Identifier: Apache-2.0
#include "mesh/budget/budget_table.h"

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include "mesh/budget/cashier.h"
#include "schema/base/mailbox.h"
#include "schema/base/snapshot.h"

namespace vidai::mesh::budget {
namespace {

using State = BudgetEntry::State;

BudgetEntry entry(const std::string& id, std::int64_t limit = 100) {
    BudgetEntry made;
    made.id = BudgetId(id);
    made.limit = made.left = {limit};
    return made;
}

TEST(BudgetTable, FindsWhatWasPutInAndNothingElse) {
    const BudgetTable empty;
    EXPECT_EQ(empty.find("team-a"), nullptr);
    const BudgetTable table = empty.with(std::vector{entry("team-a", 1), entry("org", 2)});
    ASSERT_NE(table.find("team-a"), nullptr);
    EXPECT_EQ(table.find("team-a")->limit.value, 1);
    EXPECT_EQ(table.find("org")->limit.value, 2);
    EXPECT_EQ(table.find("team-b"), nullptr);
    EXPECT_EQ(table.find(""), nullptr);
    EXPECT_EQ(table.size(), 2U);
    EXPECT_EQ(empty.size(), 0U);
}

TEST(BudgetTable, LeavesTheTableBeforeAChangeAsItWas) {
    const auto account = std::make_shared<Account>();
    const BudgetTable first = BudgetTable().with(std::vector{entry("a"), entry("b")});
    BudgetEntry changed = entry("a", 7);
    changed.account = account;
    changed.state = State::kTakeover;
    const BudgetTable second = first.with(std::vector{changed}, std::vector{BudgetId("b")});
    EXPECT_EQ(first.find("a")->limit.value, 100);
    EXPECT_EQ(first.find("a")->account, nullptr);
    EXPECT_NE(first.find("b"), nullptr);
    EXPECT_EQ(second.find("a")->limit.value, 7);
    EXPECT_EQ(second.find("a")->account, account) << "the account itself, not a copy";
    EXPECT_EQ(second.find("a")->state, State::kTakeover);
    EXPECT_EQ(second.find("b"), nullptr);
    EXPECT_EQ(second.size(), 1U);
    EXPECT_EQ(second.with({}, std::vector{BudgetId("b")}).size(), 1U) << "forgotten already";
}

TEST(BudgetTable, KeepsTheEntriesThatAChangeDoesNotTouch) {
    std::vector<BudgetEntry> many;
    for (int i = 0; i < 20'000; ++i) many.push_back(entry("budget-" + std::to_string(i), i));
    const BudgetTable table = BudgetTable().with(many);
    EXPECT_EQ(table.size(), many.size());
    const BudgetTable next = table.with(std::vector{entry("budget-77", -1)});
    std::size_t shared = 0;
    for (const BudgetEntry& one : many) {
        ASSERT_NE(table.find(one.id.str()), nullptr);
        ASSERT_EQ(table.find(one.id.str())->limit, one.limit);
        shared += table.find(one.id.str()) == next.find(one.id.str()) ? 1 : 0;
    }
    EXPECT_EQ(shared, many.size() - 1);
    EXPECT_EQ(next.find("budget-77")->limit.value, -1);
}

TEST(BudgetTable, ShowsEachBudgetOnce) {
    std::vector<BudgetEntry> many;
    for (int i = 0; i < 1'000; ++i) many.push_back(entry("b" + std::to_string(i)));
    const BudgetTable table = BudgetTable().with(many).with(std::vector{entry("b7", 3)});
    std::multiset<std::string> seen;
    table.for_each([&](const BudgetEntry& one) { seen.insert(one.id.str()); });
    EXPECT_EQ(seen.size(), many.size());
    EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), many.size());
}

// As workers and the mesh thread do: one publishes, others look up and spend from what they find.
TEST(BudgetTable, IsReadByWorkersWhileTheMeshThreadPublishesTheNext) {
    const auto account = std::make_shared<Account>();
    account->on_grant({1'000'000});
    BudgetEntry one = entry("team-a");
    one.account = account;
    Snapshot<BudgetTable> published(
        std::make_shared<const BudgetTable>(BudgetTable().with(std::vector{one})));
    std::atomic<bool> over{false};
    std::vector<std::thread> workers;
    for (int w = 0; w < 2; ++w) {
        workers.emplace_back([&] {
            SnapshotReader<BudgetTable> table(published);
            for (int i = 0; i < 20'000; ++i) {
                table.refresh();
                const BudgetEntry* const found = table->find("team-a");
                ASSERT_NE(found, nullptr);
                const std::shared_ptr<Account> held = found->account;
                ASSERT_TRUE(held->reserve({2}));
                held->settle({2}, {1});
            }
        });
    }
    std::thread mesh([&] {
        std::int64_t limit = 0;
        while (!over.load()) {
            one.limit = {++limit};
            published.publish(std::make_shared<const BudgetTable>(
                published.load()->with(std::vector{one, entry("b" + std::to_string(limit % 99))})));
        }
    });
    for (std::thread& worker : workers) worker.join();
    over.store(true);
    mesh.join();
    EXPECT_EQ(account->spent().value, 40'000);
    EXPECT_TRUE(account->balance().conserved());
}

// The least that a mesh thread does: what is asked for is granted, and whoever waits is woken.
class Giver final : public Cashier {
  public:
    explicit Giver(Account& account) : account_(account), thread_([this] { run(); }) {}
    ~Giver() {
        over_.store(true);
        while (!asked_.push(MicroUsd{})) std::this_thread::yield();
        thread_.join();
    }
    void ask(const BudgetId&, MicroUsd need) override { (void)asked_.push(MicroUsd{need}); }

  private:
    void run() {
        MicroUsd total;
        while (!over_.load()) {
            pollfd watched{asked_.fd(), POLLIN, 0};
            (void)::poll(&watched, 1, 30'000);
            std::vector<MicroUsd> all;
            asked_.drain(all);
            for (const MicroUsd need : all) account_.on_grant(total += need);
            waiting().signal();
        }
    }
    Account& account_;
    Mailbox<MicroUsd> asked_{16};
    std::atomic<bool> over_{false};
    std::thread thread_;
};

TEST(Cashier, WakesWhoAskedOnceTheMoneyIsThere) {
    Account account;
    Giver giver(account);
    const auto work = [&] {
        WakeFd wake;
        giver.waiting().add(wake);
        for (int i = 0; i < 500; ++i) {
            while (!account.reserve({3})) {
                giver.ask(BudgetId("team-a"), {3});
                pollfd watched{wake.fd(), POLLIN, 0};
                ASSERT_EQ(::poll(&watched, 1, 30'000), 1) << "asked, and never woken";
                wake.clear();
            }
            account.settle({3}, {3});
        }
        giver.waiting().remove(wake);
    };
    std::thread one(work), two(work);
    one.join();
    two.join();
    EXPECT_EQ(account.spent().value, 3'000);
}

TEST(BudgetTable, HasANameForEachState) {
    std::set<std::string_view> names;
    for (auto at = State::kOpen; at <= State::kDeleted;
         at = State{static_cast<std::uint8_t>(static_cast<std::uint8_t>(at) + 1)}) {
        EXPECT_FALSE(state_name(at).empty());
        names.insert(state_name(at));
    }
    EXPECT_EQ(names.size(), static_cast<std::size_t>(State::kDeleted) + 1);
}

}  // namespace
}  // namespace vidai::mesh::budget
