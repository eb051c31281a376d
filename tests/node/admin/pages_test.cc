// SPDX-License-Identifier: Apache-2.0
#include "node/admin/pages.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace vidai::node::admin {
namespace {

Pages pages(std::string address = "127.0.0.1", std::vector<std::string> hosts = {},
            std::string not_ready = {}, std::string dead = {}) {
    return Pages({.dead = [dead] { return dead; },
                  .not_ready = [not_ready] { return not_ready; },
                  .metrics_text = [] { return std::string("m 1\n"); },
                  .latency_json = [] { return std::string("{\"l\":1}"); },
                  .version_json = [] { return std::string("{\"v\":1}"); }},
                 std::move(address), std::move(hosts));
}

request::AdminReply get(const Pages& from, std::string_view target,
                        std::string_view host = "localhost:9420") {
    return from.answer({"GET", target, host});
}

TEST(Pages, AnswerWithWhatTheyAreGiven) {
    EXPECT_EQ(get(pages(), "/healthz").body, "ok\n");
    EXPECT_EQ(get(pages(), "/metrics").body, "m 1\n");
    EXPECT_EQ(get(pages(), "/metrics").content_type, "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_EQ(get(pages(), "/latency?x=1").body, "{\"l\":1}");
    EXPECT_EQ(get(pages(), "/version").content_type, "application/json");
}

TEST(Pages, ListThemselvesAtTheRoot) {
    const std::string index = get(pages(), "/").body;
    for (const char* path : {"/healthz", "/readyz", "/metrics", "/latency", "/version"}) {
        EXPECT_NE(index.find(path), std::string::npos) << path;
        EXPECT_EQ(get(pages(), path).status, 200u) << path;
    }
}

TEST(Health, SaysWhyTheProcessShouldBeRestarted) {
    EXPECT_EQ(get(pages("127.0.0.1", {}, {}, "mesh stands"), "/healthz").status, 503u);
    EXPECT_EQ(get(pages("127.0.0.1", {}, {}, "mesh stands"), "/healthz").body, "mesh stands\n");
}

TEST(Readiness, SaysWhyNot) {
    EXPECT_EQ(get(pages("127.0.0.1", {}, "draining"), "/readyz").status, 503u);
    EXPECT_EQ(get(pages("127.0.0.1", {}, "draining"), "/readyz").body, "draining\n");
    EXPECT_EQ(get(pages("127.0.0.1", {}, "draining"), "/healthz").status, 200u);
}

TEST(Pages, RefuseOtherPathsAndMethodsAsProblemDetails) {
    const auto missing = get(pages(), "/metricss");
    EXPECT_EQ(missing.status, 404u);
    EXPECT_EQ(missing.content_type, "application/problem+json");
    EXPECT_EQ(nlohmann::json::parse(missing.body)["status"], 404);
    const auto post = pages().answer({"POST", "/metrics", "localhost"});
    EXPECT_EQ(post.status, 405u);
    EXPECT_EQ(post.allow, "GET, HEAD");
    EXPECT_EQ(get(pages(), "").status, 404u);
    EXPECT_EQ(get(pages(), "/healthz/").status, 404u);
}

TEST(HostCheck, StopsANameThatSomebodyElseRebinds) {
    for (const char* host : {"", "evil.example", "evil.example:9420", "localhost.evil.example",
                             "127.0.0.1.evil.example", "10.0.0.1", "[::1", "localhost:94x20",
                             "localhost:123456", "localhost@evil", " localhost"}) {
        EXPECT_EQ(get(pages(), "/metrics", host).status, 421u) << host;
    }
}

TEST(HostCheck, LetsLoopbackInUnderAllItsNames) {
    for (const char* host :
         {"localhost", "LOCALHOST:9420", "127.0.0.1:1", "127.9.9.9", "[::1]:9420", "[::1]"}) {
        EXPECT_EQ(get(pages(), "/metrics", host).status, 200u) << host;
    }
}

TEST(HostCheck, TakesAnyAddressWhenListeningForAllButOnlyKnownNames) {
    const Pages open = pages("0.0.0.0", {"metrics.internal"});
    EXPECT_EQ(get(open, "/metrics", "10.1.2.3:9420").status, 200u);
    EXPECT_EQ(get(open, "/metrics", "[fd00::1]:9420").status, 200u);
    EXPECT_EQ(get(open, "/metrics", "Metrics.Internal").status, 200u);
    EXPECT_EQ(get(open, "/metrics", "evil.example").status, 421u);
}

}  // namespace
}  // namespace vidai::node::admin
