// SPDX-License-Identifier: Apache-2.0
#include "node/observe/metrics.h"

#include <set>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/observe/metric_table.h"
#include "tests/node/observe/sample_metrics.h"

namespace vidai::node::observe {
namespace {

using testing::HasSubstr;

TEST(Metrics, AreSummedOverTheWorkers) {
    const std::string text = sample_metrics()->prometheus_text();
    for (const char* line :
         {"vidai_requests_total{endpoint=\"chat_completions\",code=\"2xx\"} 2\n",
          "vidai_requests_total{endpoint=\"other\",code=\"4xx\"} 2\n",
          "vidai_client_connections 4\n", "vidai_client_accepts_total 2\n",
          "vidai_tokens_total{model=\"fast\",provider=\"openai\",type=\"input\"} 24\n",
          "vidai_tokens_total{model=\"fast\",provider=\"openai\",type=\"cached_input\"} 8\n",
          "vidai_tokens_total{model=\"fast\",provider=\"openai\",type=\"output\"} 40\n",
          "vidai_unpriced_tokens_total{model=\"fast\",provider=\"openai\"} 4\n",
          "vidai_estimated_tokens_total{model=\"fast\",provider=\"openai\"} 4\n",
          "vidai_cost_usd_total{model=\"fast\",provider=\"openai\"} 5e-05\n",
          "vidai_refusals_total{reason=\"token_limit\"} 2\n",
          "vidai_mesh_members{state=\"alive\"} 3\n"}) {
        EXPECT_THAT(text, HasSubstr(line));
    }
}

TEST(Metrics, KeepOpenTelemetrysBoundsExactly) {
    const std::string text = sample_metrics()->prometheus_text();
    const std::string head =
        "gen_ai_client_token_usage_bucket{gen_ai_operation_name=\"chat\",gen_ai_provider_name="
        "\"openai\",gen_ai_request_model=\"fast\",gen_ai_token_type=\"input\",le=";
    EXPECT_THAT(text, HasSubstr(head + "\"1\"} 0\n"));
    EXPECT_THAT(text, HasSubstr(head + "\"4\"} 2\n"));   // 2 tokens, twice
    EXPECT_THAT(text, HasSubstr(head + "\"16\"} 4\n"));  // and 10, twice
    EXPECT_THAT(text, HasSubstr(head + "\"67108864\"} 4\n"));
    EXPECT_THAT(text, HasSubstr(head + "\"+Inf\"} 4\n"));
}

TEST(FixedHistogram, CountsAValueOnItsBoundBelowIt) {
    FixedHistogram<2> histogram;
    constexpr std::array<std::uint64_t, 2> kBounds = {4, 16};
    for (const std::uint64_t value : {0, 4, 5, 16, 17}) histogram.record(kBounds, value);
    EXPECT_EQ(histogram.count(0), 2u);
    EXPECT_EQ(histogram.count(1), 2u);
    EXPECT_EQ(histogram.count(2), 1u);
    EXPECT_EQ(histogram.sum(), 42u);
}

TEST(Metrics, HaveTheFamiliesOfTheTableAndNoOthers) {
    const Log log({}, 2);
    const auto metrics = sample_metrics();
    metrics->watch(log);
    std::istringstream text(metrics->prometheus_text());
    std::set<std::string> seen;
    for (std::string line; std::getline(text, line);) {
        if (line.starts_with("# TYPE ")) seen.insert(line.substr(7));
    }
    std::set<std::string> expected = {"vidai_mesh_members gauge"};
    for (const MetricInfo& info : metric_table()) {
        expected.insert(std::string(info.name) + " " + std::string(metric_type_name(info.type)));
        EXPECT_EQ(info.type == MetricType::kCounter, info.name.ends_with("_total")) << info.name;
    }
    EXPECT_EQ(seen, expected);
}

TEST(Metrics, TellOfTheProcess) {
    const std::string text = Metrics(1, {}).prometheus_text();
    const auto value = [&](const std::string& name) {
        const std::size_t at = text.find("\n" + name + " ");
        return at == text.npos ? -1 : std::stod(text.substr(at + name.size() + 2));
    };
    EXPECT_GT(value("process_resident_memory_bytes"), 1e6);
    EXPECT_GT(value("process_virtual_memory_bytes"), value("process_resident_memory_bytes"));
    EXPECT_GT(value("process_start_time_seconds"), 1.6e9);
    EXPECT_GE(value("process_open_fds"), 3);
    EXPECT_GE(value("process_threads"), 1);
    EXPECT_GE(value("process_cpu_seconds_total"), 0);
}

TEST(Metrics, NeverFallBelowZeroWhenWorkersAreReadApart) {
    Metrics metrics(1, {});
    metrics.worker(0).streams.subtract();
    EXPECT_THAT(metrics.prometheus_text(), HasSubstr("vidai_streams 0\n"));
}

TEST(Metrics, CanBeReadWhileAWorkerCounts) {
    Metrics metrics(1, {});
    const std::uint16_t series = metrics.series().intern("a", "b");
    std::jthread worker([&] {
        for (int i = 0; i < 20'000; ++i) {
            metrics.worker(0).attempt_done(series, Outcome::kOk, std::chrono::microseconds(i),
                                           std::chrono::microseconds(1));
            metrics.worker(0).response_started(request::Endpoint::kModels, 200,
                                               std::chrono::microseconds(i), Duration::zero());
        }
    });
    for (int i = 0; i < 20; ++i) {
        EXPECT_THAT(metrics.prometheus_text(), HasSubstr("vidai_upstream_attempts_total"));
        metrics.series().intern("model-" + std::to_string(i), "b");
    }
    worker.join();
    EXPECT_THAT(metrics.prometheus_text(), HasSubstr("outcome=\"ok\"} 20000\n"));
}

TEST(Series, KeepTheirNumberAndAreBounded) {
    SeriesTable table;
    EXPECT_EQ(table.intern("a", "x"), 1);
    EXPECT_EQ(table.intern("a", "y"), 2);
    EXPECT_EQ(table.intern("a", "x"), 1);
    for (std::size_t i = 3; i < kSeriesMax; ++i) {
        EXPECT_EQ(table.intern("m" + std::to_string(i), "x"), i);
    }
    EXPECT_EQ(table.intern("one too many", "x"), 0);
    EXPECT_EQ(table.intern("a", "y"), 2);
    EXPECT_EQ(table.list().front().alias, "other");
}

}  // namespace
}  // namespace vidai::node::observe
