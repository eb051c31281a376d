// SPDX-License-Identifier: Apache-2.0
// Requests that wait for money, over real sockets and workers: they are woken, refused in time,
// freed when their callers leave, bounded in number; and their worker goes on meanwhile.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/node/net/gateway.h"
#include "tests/node/net/peers.h"

namespace vidai::node::net {
namespace {

using mesh::budget::Account;
using mesh::budget::BudgetEntry;
using std::chrono::milliseconds;

bool eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::yield();
    }
    return true;
}

struct Budgeted {
    explicit Budgeted(milliseconds wait)
        : gateway(provider.port(), options(wait), {}, {BudgetId("team")}) {
        entry.id = BudgetId("team");
        entry.account = account;
        entry.limit = entry.left = {1'000'000'000};
        publish();
    }
    static ListenOptions options(milliseconds wait) {
        ListenOptions listen;
        listen.budget_wait = wait;
        return listen;
    }
    // As the mesh thread does: first what is new, then the signal.
    void publish() {
        gateway.budgets.publish(std::make_shared<const mesh::budget::BudgetTable>(
            gateway.budgets.load()->with(std::vector{entry})));
        gateway.asks.waiting().signal();
    }
    void grant(std::int64_t total) {
        account->on_grant({total});
        gateway.asks.waiting().signal();
    }
    std::uint64_t sum(Counter observe::BudgetMetrics::* counter) {
        return (gateway.metrics.worker(0).budgets.*counter).get() +
               (gateway.metrics.worker(1).budgets.*counter).get();
    }
    std::uint64_t waiting() { return sum(&observe::BudgetMetrics::waiting); }
    bool settled() {
        return eventually([this] { return account->reserved().value == 0; }) &&
               account->balance().conserved();
    }

    // The provider says this, and the rest when it is told to go on.
    void hold(std::string first, std::string rest) {
        first_ = std::move(first);
        rest_ = std::move(rest);
        go_on.store(false);
    }

    std::string first_;
    std::string rest_{response(kAnswer)};
    std::atomic<bool> go_on{true};
    std::atomic<int> asked{0};
    std::atomic<int> dropped{0};  // the request that it hangs up on, counted from 1
    Provider provider{[this](const Socket& socket) {
        while (!read_request(socket).empty()) {
            if (++asked == dropped) return;
            if (!first_.empty() && !socket.send(first_)) return;
            go_on.wait(false);
            if (!socket.send(rest_)) return;
        }
    }};
    BudgetEntry entry;
    std::shared_ptr<Account> account = std::make_shared<Account>();
    Gateway gateway;
};

constexpr milliseconds kLong{10'000};  // longer than any of these tests but those that fail
constexpr std::int64_t kWorst = static_cast<std::int64_t>(kBody.size()) + 2 * 1'024;

// Its provider's usage is waited for, since without it the whole bound would be charged.
struct Leaving {
    const char* name;
    std::string_view body;
    const char* first;  // of the answer, before the client leaves
    std::string rest;
    bool heard;  // the client has had some of it
};

TEST(Caller, WhoLeavesIsChargedWhatTheProviderCountsInTheEnd) {
    const std::string events =
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":"
        "{\"prompt_tokens\":11,\"completion_tokens\":3,\"total_tokens\":14}}\n\ndata: [DONE]\n\n";
    const Leaving ways[] = {
        {"before the answer", kBody, "", response(kAnswer), false},
        {"amid a stream", kStreamBody,
         "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
         "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n",
         events, true},
    };
    for (const Leaving& way : ways) {
        SCOPED_TRACE(way.name);
        Budgeted house(kLong);
        house.hold(way.first, way.rest);
        house.grant(2 * kWorst);
        Socket client = Socket::connect(house.gateway.port());
        ASSERT_TRUE(client.send(house.gateway.request(way.body)));
        if (way.heard) {
            EXPECT_NE(client.read_until("Hi").find("Hi"), std::string::npos);
        }
        ASSERT_TRUE(eventually([&] { return house.asked == 1; }));
        client.reset();
        EXPECT_GT(house.account->reserved().value, 0) << "nobody knows yet";
        house.go_on.store(true);
        house.go_on.notify_all();
        EXPECT_TRUE(house.settled());
        EXPECT_EQ(house.account->spent().value, 11 + 2 * 3);
        EXPECT_EQ(house.gateway.in_flight(), 0U);
    }
}

TEST(WaitingRequest, GoesOnWhenItsMoneyHasCome) {
    Budgeted house(kLong);
    const Socket client = Socket::connect(house.gateway.port());
    ASSERT_TRUE(client.send(house.gateway.request(kBody)));
    ASSERT_TRUE(eventually([&] { return house.waiting() == 1; }));
    EXPECT_EQ(house.gateway.asks.take().at(BudgetId("team")).value, kWorst);
    house.grant(kWorst - 1);
    house.grant(kWorst);
    EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_EQ(house.waiting(), 0U);
    EXPECT_TRUE(house.settled());
    EXPECT_EQ(house.account->spent().value, 17);
}

// Its provider may have done the work before it hung up, so it is paid twice.
TEST(WaitingRequest, WaitsForAnotherAttemptToo) {
    Budgeted house(kLong);
    house.dropped = 2;
    house.grant(2 * kWorst);
    const Socket client = Socket::connect(house.gateway.port());
    ASSERT_TRUE(client.send(house.gateway.request(kBody)));
    EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 200 OK\r\n"));
    ASSERT_TRUE(house.settled());
    (void)house.gateway.asks.take();
    ASSERT_TRUE(client.send(house.gateway.request(kBody)));
    ASSERT_TRUE(eventually([&] { return house.waiting() == 1; }));
    EXPECT_EQ(house.account->spent().value, 17 + kWorst);
    EXPECT_EQ(house.account->reserved().value, 0);
    EXPECT_EQ(house.gateway.asks.take().at(BudgetId("team")).value, kWorst);
    house.grant(3 * kWorst);
    EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_TRUE(house.settled());
    EXPECT_EQ(house.account->spent().value, 17 + kWorst + 17);
    EXPECT_EQ(house.asked, 3);
}

TEST(WaitingRequest, DoesNotHoldUpItsWorker) {
    Budgeted house(kLong);
    std::vector<Socket> waiting;
    for (int i = 0; i < 16; ++i) {  // both workers have some, or one has all
        waiting.push_back(Socket::connect(house.gateway.port()));
        ASSERT_TRUE(waiting.back().send(house.gateway.request(kBody)));
    }
    ASSERT_TRUE(eventually([&] { return house.waiting() == 16; }));
    for (int i = 0; i < 16; ++i) {
        const Socket other = Socket::connect(house.gateway.port());
        ASSERT_TRUE(other.send("GET /healthz HTTP/1.1\r\nhost: gw\r\n\r\n"));
        ASSERT_TRUE(other.read_response().starts_with("HTTP/1.1 200 OK\r\n"));
    }
    EXPECT_EQ(house.waiting(), 16U);
    house.grant(16 * kWorst);
    for (const Socket& client : waiting) {
        EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 200 OK\r\n"));
    }
    EXPECT_TRUE(house.settled());
}

TEST(WaitingRequest, IsRefusedWhenItHasWaitedAsLongAsItMay) {
    Budgeted house(milliseconds(50));
    const Socket client = Socket::connect(house.gateway.port());
    const auto begun = std::chrono::steady_clock::now();
    ASSERT_TRUE(client.send(house.gateway.request(kBody)));
    const std::string refused = client.read_response();
    EXPECT_TRUE(refused.starts_with("HTTP/1.1 429 ")) << refused;
    EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(50));
    EXPECT_EQ(house.waiting(), 0U);
    house.grant(kWorst);
    ASSERT_TRUE(client.send(house.gateway.request(kBody)));
    EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 200 OK\r\n"))
        << "the connection has lost nothing";
}

TEST(WaitingRequest, IsRefusedAsSoonAsNoWaitingHelps) {
    Budgeted house(kLong);
    const Socket client = Socket::connect(house.gateway.port());
    ASSERT_TRUE(client.send(house.gateway.request(kBody)));
    ASSERT_TRUE(eventually([&] { return house.waiting() == 1; }));
    house.entry.state = BudgetEntry::State::kExhausted;
    house.entry.left = {};
    house.publish();
    const std::string refused = client.read_response();
    EXPECT_TRUE(refused.starts_with("HTTP/1.1 402 ")) << refused;
    EXPECT_NE(refused.find("\"budget\":\"team\""), std::string::npos) << refused;
}

TEST(WaitingRequest, IsFreedWhenItsCallerLeaves) {
    Budgeted house(kLong);
    Socket client = Socket::connect(house.gateway.port());
    ASSERT_TRUE(client.send(house.gateway.request(kBody)));
    ASSERT_TRUE(eventually([&] { return house.waiting() == 1; }));
    EXPECT_EQ(house.gateway.in_flight(), 1U);
    client.reset();
    EXPECT_TRUE(eventually([&] { return house.waiting() == 0; }));
    EXPECT_TRUE(eventually([&] { return house.gateway.in_flight() == 0; }));
    house.grant(kWorst);
    EXPECT_EQ(house.account->reserved().value, 0);
}

TEST(WaitingRequest, IsRefusedAtOnceWhereNobodyMayWait) {
    Budgeted house(milliseconds(0));
    const Socket client = Socket::connect(house.gateway.port());
    ASSERT_TRUE(client.send(house.gateway.request(kBody)));
    EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 429 "));
    EXPECT_EQ(house.gateway.asks.take().size(), 1U) << "the next one may find money";
    EXPECT_EQ(house.sum(&observe::BudgetMetrics::crowded), 0U);
}

TEST(WaitingRequest, LetsThoseBehindItOnTheConnectionWaitTheirTurn) {
    Budgeted house(kLong);
    const Socket client = Socket::connect(house.gateway.port());
    ASSERT_TRUE(client.send(house.gateway.request(kBody) + house.gateway.request(kBody) +
                            "GET /healthz HTTP/1.1\r\nhost: gw\r\n\r\n"));
    ASSERT_TRUE(eventually([&] { return house.waiting() == 1; }));
    house.grant(kWorst);
    EXPECT_TRUE(client.read_response().starts_with("HTTP/1.1 200 OK\r\n"));
    ASSERT_TRUE(eventually([&] { return house.waiting() == 1; })) << "17 of it are spent";
    house.grant(2 * kWorst);
    EXPECT_NE(client.read_until("{\"status\":\"ok\"}").find(kAnswer), std::string::npos);
}

// Money for one after the other, many that wait, some that leave: each is answered or has left, and
// nothing stays reserved.
TEST(WaitingRequest, GetsWhatThereIsInWhateverOrderItComes) {
    Budgeted house(kLong);
    constexpr int kClients = 24;
    std::vector<std::thread> clients;
    std::atomic<int> answered{0};
    for (int i = 0; i < kClients; ++i) {
        clients.emplace_back([&, i] {
            Socket client = Socket::connect(house.gateway.port());
            if (!client.send(house.gateway.request(kBody))) return;
            if (i % 4 == 3) {
                client.reset();
                return;
            }
            if (client.read_response().starts_with("HTTP/1.1 200 ")) ++answered;
        });
    }
    std::int64_t total = 0;
    EXPECT_TRUE(eventually([&] {
        if (house.account->free().value < kWorst) house.grant(total += kWorst);
        house.gateway.asks.waiting().signal();
        return answered.load() == kClients * 3 / 4;
    }));
    for (std::thread& client : clients) client.join();
    EXPECT_TRUE(eventually([&] { return house.waiting() == 0; }));
    EXPECT_TRUE(house.settled());
}

}  // namespace
}  // namespace vidai::node::net
