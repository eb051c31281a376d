// SPDX-License-Identifier: Apache-2.0
// A house with one key, one alias on two targets, and a clock that is set by hand: what the tests
// of the corridor walk through. Real rooms throughout; only the network is missing.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mesh/budget/asks.h"
#include "mesh/budget/budget_table.h"
#include "mesh/limits/counter_table.h"
#include "mesh/state/key_secret.h"
#include "mesh/state/key_table.h"
#include "node/exchange/exchange.h"
#include "node/exchange/rooms.h"
#include "node/http/head.h"
#include "node/observe/log.h"
#include "node/observe/worker_metrics.h"
#include "tests/mesh/usage/temporary_store.h"

namespace vidai::node::exchange {

inline MonoTime g_now{std::chrono::seconds(1'000)};
inline MonoTime test_now() {
    return g_now += std::chrono::microseconds(1);
}
inline const WallTime kWall{std::chrono::hours(24 * 365 * 50)};

inline constexpr std::string_view kChat =
    R"({"model":"fast","messages":[{"role":"user","content":"Say hello."}]})";
inline constexpr std::string_view kChatStream =
    R"({"model":"fast","stream":true,"messages":[{"role":"user","content":"Say hello."}]})";
inline constexpr std::string_view kAnswer =
    R"({"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",)"
    R"("content":"Hello."},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,)"
    R"("completion_tokens":3,"total_tokens":14}})";

// Per million tokens.
inline mesh::pricing::Price price_of(std::int64_t input, std::int64_t cached, std::int64_t output) {
    mesh::pricing::Price price;
    price.rates.input = price.rates.cache_write = {input};
    price.rates.cached_input = {cached};
    price.rates.output = price.rates.reasoning = {output};
    price.known = true;
    return price;
}
inline const mesh::pricing::Price kOneInTwoOut = price_of(1'000'000, 500'000, 2'000'000);

struct LogFile {
    LogFile() = default;
    LogFile(const LogFile&) = delete;
    LogFile& operator=(const LogFile&) = delete;
    ~LogFile() { ::close(fd); }
    int fd = ::memfd_create("log", MFD_CLOEXEC);
};

struct House {
    explicit House(mesh::state::KeyLimits limits = {}, std::vector<std::string> models = {},
                   std::vector<BudgetId> under = {},
                   const std::vector<mesh::pricing::Price>& prices = {kOneInTwoOut, {}})
        : keys(std::make_shared<const mesh::state::KeyTable>()), reader(keys) {
        mesh::state::KeyRecord wanted;
        wanted.models = std::move(models);
        wanted.limits = limits;
        wanted.budgets = std::move(under);
        const mesh::state::MintedKey made = mesh::state::make_key(std::move(wanted));
        secret = std::string(made.text.reveal());
        counters.open(0);
        std::vector<mesh::state::KeyEntry> entries{{made.record, 0U}};
        keys.publish(std::make_shared<const mesh::state::KeyTable>(std::move(entries)));
        reader.refresh();

        route::RouteOptions options;
        using mesh::pricing::PriceHistory;
        route::Target first{0, "model-a", 1, {}, PriceHistory(prices[0]), 1};
        route::Target second{1, "model-b", 1, {}, PriceHistory(prices[1]), 2};
        options.aliases = {{"fast", {{first}, {second}}}};
        providers::Provider one;
        one.name = "one";
        one.host = "one.example";
        one.path_prefix = "/v1";
        one.credential = Secret("sk-canary-of-provider-one");
        providers::Provider two = one;
        two.name = "two";
        two.host = "two.example";
        auto table = route::RouteTable::make(options, 2);
        runtime = std::make_shared<const Runtime>(
            std::move(*table), std::vector<providers::Provider>{one, two}, kWall);
        local.emplace(runtime);
        rooms = std::make_unique<Rooms>(Rooms{reader,
                                              counters,
                                              budget_reader,
                                              asks,
                                              usage,
                                              *metrics,
                                              log,
                                              &test_now,
                                              {},
                                              Rng(7),
                                              service,
                                              false});
    }

    // What was recorded, on the disk.
    std::vector<mesh::usage::Event> events() {
        usage.flush();
        return folder.read();
    }

    // Reads `text` as a request and lets it in. The text lives here until the next request.
    Next request(std::string text) {
        exchange.reset();
        out.clear();
        wire = std::move(text);
        head.reset();
        const http::HeadStatus status = http::parse_request_head(wire, {}, head);
        EXPECT_EQ(status.progress, http::Progress::kDone) << status.message;
        exchange.emplace(*rooms, *local, scratch, out);
        return exchange->begin(head, std::string_view(wire).substr(status.consumed), test_now(),
                               kWall);
    }
    Next post(std::string_view body, std::string_view extra = "") {
        return request("POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer " +
                       secret + "\r\n" + std::string(extra) + "content-length: " +
                       std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
    }
    // The provider answers with this head.
    Next answer(const std::string& text) {
        response_wire = text;
        response.reset();
        const http::HeadStatus status =
            http::parse_response_head(response_wire, {}, http::Method::kPost, response);
        EXPECT_EQ(status.progress, http::Progress::kDone) << status.message;
        return exchange->on_head(response, test_now(), test_now());
    }
    // The provider at the end of its answer.
    Next end_with(std::string_view body) {
        exchange->on_payload(body, test_now());
        return exchange->on_end(test_now());
    }
    // All lines of the log so far.
    std::string logged() {
        EXPECT_TRUE(log.flush());
        std::string text(static_cast<std::size_t>(::lseek(log_file.fd, 0, SEEK_END)), '\0');
        EXPECT_EQ(::pread(log_file.fd, text.data(), text.size(), 0),
                  static_cast<ssize_t>(text.size()));
        return text;
    }
    // As the mesh thread would: this is what the budget comes to.
    void publish(const mesh::budget::BudgetEntry& budget) {
        budgets.publish(std::make_shared<const mesh::budget::BudgetTable>(
            budgets.load()->with(std::vector{budget})));
        budget_reader.refresh();
    }
    mesh::limits::SlotUse use() const { return counters.use(0, kWall); }

    Snapshot<mesh::state::KeyTable> keys;
    SnapshotReader<mesh::state::KeyTable> reader;
    mesh::limits::CounterTable counters;
    Snapshot<mesh::budget::BudgetTable> budgets{
        std::make_shared<const mesh::budget::BudgetTable>()};
    SnapshotReader<mesh::budget::BudgetTable> budget_reader{budgets};
    mesh::budget::Asks asks;
    mesh::usage::TemporaryStore folder;
    mesh::usage::Recorder usage{
        std::make_unique<mesh::usage::Writer>(folder.open(), [](const Error&) {}),
        []() { return kWall; }, 1'000};
    std::unique_ptr<observe::WorkerMetrics> metrics = std::make_unique<observe::WorkerMetrics>();
    LogFile log_file;
    observe::Log log{{.level = observe::LogLevel::kDebug, .requests = true}, log_file.fd};
    std::string secret;
    std::shared_ptr<const Runtime> runtime;
    std::optional<LocalRuntime> local;
    std::atomic<mesh::Service> service{mesh::Service::kServing};
    std::unique_ptr<Rooms> rooms;
    Scratch scratch;
    std::string wire, response_wire, out;
    http::RequestHead head;
    http::ResponseHead response;
    std::optional<Exchange> exchange;
};

inline constexpr const char* kOkHead =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1\r\n"
    "x-request-id: theirs\r\nx-ratelimit-limit-requests: 9\r\nopenai-version: 2020\r\n\r\n";
inline constexpr std::string_view kRefusal =
    R"({"error":{"message":"Slow down.","type":"requests","param":null,"code":null}})";
// A head of this status with these lines.
inline std::string refusal(int status, const std::string& lines = "") {
    return "HTTP/1.1 " + std::to_string(status) + " No\r\ncontent-type: application/json\r\n" +
           lines + "content-length: 9\r\n\r\n";
}
inline constexpr const char* kStreamHead =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

}  // namespace vidai::node::exchange
