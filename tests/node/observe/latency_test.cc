// SPDX-License-Identifier: Apache-2.0
#include "node/observe/latency.h"

#include <memory>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace vidai::node::observe {
namespace {

using nlohmann::json;
using std::chrono::microseconds;

TEST(Latency, MergesWorkersAndKeepsOverheadRequestByRequest) {
    const auto a = std::make_unique<WorkerMetrics>();
    const auto b = std::make_unique<WorkerMetrics>();
    for (int i = 1; i <= 50; ++i) {
        a->response_started(request::Endpoint::kChatCompletions, 200, microseconds(1'010),
                            microseconds(1'000));
        b->response_started(request::Endpoint::kChatCompletions, 200, microseconds(100 * i + 10),
                            microseconds(100 * i));
    }
    const WorkerMetrics* both[] = {a.get(), b.get()};
    const json chat = json::parse(latency_json(both))["endpoints"]["chat_completions"];
    EXPECT_EQ(chat["total"]["count"], 100);
    EXPECT_NEAR(chat["total"]["p50"].get<double>(), 1'010, 1'010 * 0.032);
    EXPECT_NEAR(chat["total"]["p99"].get<double>(), 4'910, 4'910 * 0.032);
    EXPECT_EQ(chat["total"]["max"], 5'010);
    for (const char* q : {"p50", "p90", "p95", "p99", "p99.9", "max"}) {
        EXPECT_NEAR(chat["overhead"][q].get<double>(), 10, 0.4) << q;
    }
    EXPECT_FALSE(chat.contains("duration"));  // none has finished
}

TEST(Latency, ShowsNothingThatWasNotAskedFor) {
    const auto idle = std::make_unique<WorkerMetrics>();
    const WorkerMetrics* one[] = {idle.get()};
    EXPECT_EQ(json::parse(latency_json(one)),
              json({{"unit", "us"}, {"endpoints", json::object()}}));
    idle->response_started(request::Endpoint::kHealth, 200, microseconds(5), Duration::zero());
    const json health = json::parse(latency_json(one))["endpoints"]["health"];
    EXPECT_TRUE(health.contains("total"));
    EXPECT_FALSE(health.contains("upstream"));
}

}  // namespace
}  // namespace vidai::node::observe
