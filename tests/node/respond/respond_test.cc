// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "node/respond/catalogue.h"
#include "node/respond/headers.h"
#include "node/respond/request_id.h"
#include "schema/base/rng.h"

namespace vidai::node::respond {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

TEST(Catalogue, HasARowForEveryError) {
    ASSERT_EQ(catalogue().size(), static_cast<std::size_t>(kErrorCodeCount));
    for (const CatalogueRow& entry : catalogue()) {
        EXPECT_EQ(row(entry.error).code, entry.code);
        EXPECT_GE(entry.status, 400);
        EXPECT_LT(entry.status, 600);
        EXPECT_FALSE(entry.type.empty());
        EXPECT_FALSE(entry.code.empty());
        EXPECT_TRUE(entry.message.ends_with('.')) << entry.code;
        // A delay without permission to retry would park a client for nothing.
        EXPECT_TRUE(entry.should_retry || entry.retry_after == 0ms) << entry.code;
    }
}

TEST(Catalogue, StopsRetriesOfWhatCannotSucceed) {
    for (const CatalogueRow& entry : catalogue()) {
        const bool again = entry.status == 408 || entry.status == 409 || entry.status == 429 ||
                           entry.status >= 502;
        if (entry.should_retry) {
            EXPECT_TRUE(again) << entry.code;
        }
    }
    EXPECT_FALSE(row(ErrorCode::kInvalidKey).should_retry);
    EXPECT_TRUE(row(ErrorCode::kRequestLimit).should_retry);
    EXPECT_TRUE(row(ErrorCode::kDraining).should_retry);
}

TEST(Catalogue, NeverShowsWhatWasWrittenForTheLog) {
    const std::string_view secret = "connect 10.0.0.7:8443: certificate of vault.internal expired";
    for (const ErrorCode code :
         {ErrorCode::kInternal, ErrorCode::kIo, ErrorCode::kUpstreamUnreachable,
          ErrorCode::kUpstreamInvalid, ErrorCode::kInvalidKey, ErrorCode::kUnavailable,
          ErrorCode::kConfigInvalid, ErrorCode::kCorrupt, ErrorCode::kUnauthenticated}) {
        const Error error{code, std::string(secret), ""};
        EXPECT_EQ(client_message(error), row(code).message);
    }
    const Error said{ErrorCode::kInvalidRequest, "`n` must be a whole number.", "n"};
    EXPECT_EQ(client_message(said), "`n` must be a whole number.");
    EXPECT_EQ(client_message(Error{ErrorCode::kInvalidRequest, "", ""}),
              row(ErrorCode::kInvalidRequest).message);
}

TEST(ServerTiming, ShowsTheStepsThatWereReached) {
    const MonoTime start{5s};
    request::Timing timing;
    timing.received = start;
    std::string out;
    append_server_timing(out, timing, start + 12'345ns);
    EXPECT_EQ(out, "server-timing: total;dur=0.012\r\n");
    out.clear();
    timing.authenticated = start + 1us;
    timing.admitted = start + 3us;
    timing.routed = start + 4us;
    timing.upstream_sent = start + 5us;
    timing.upstream_first = start + 1'205us;
    append_server_timing(out, timing, start + 1'210'999ns);
    EXPECT_EQ(out,
              "server-timing: total;dur=1.210, auth;dur=0.001, admit;dur=0.002, route;dur=0.001, "
              "upstream;dur=1.200\r\n");
    out.clear();
    timing.upstream_first = {};
    append_server_timing(out, timing, start - 1us);
    EXPECT_EQ(out,
              "server-timing: total;dur=0.000, auth;dur=0.001, admit;dur=0.002, "
              "route;dur=0.001\r\n");
}

std::string reset(milliseconds span) {
    std::string out;
    append_rate_limit(out, LimitUnit::kTokens, {.limit = 1, .remaining = 0, .reset = span});
    const std::string_view name = "x-ratelimit-reset-tokens: ";
    const std::size_t at = out.find(name);
    EXPECT_NE(at, std::string::npos);
    return out.substr(at + name.size(), out.size() - at - name.size() - 2);
}

TEST(RateLimit, NamesTheLimitTheRestAndTheReset) {
    std::string out;
    append_rate_limit(out, LimitUnit::kRequests, {.limit = 60, .remaining = -2, .reset = 1s});
    EXPECT_EQ(out,
              "x-ratelimit-limit-requests: 60\r\n"
              "x-ratelimit-remaining-requests: 0\r\n"
              "x-ratelimit-reset-requests: 1s\r\n");
}

TEST(RateLimit, WritesTheResetAsOpenAiDoes) {
    EXPECT_EQ(reset(-5ms), "0ms");
    EXPECT_EQ(reset(0ms), "0ms");
    EXPECT_EQ(reset(120ms), "120ms");
    EXPECT_EQ(reset(999ms), "999ms");
    EXPECT_EQ(reset(1'050ms), "1.05s");
    EXPECT_EQ(reset(1'500ms), "1.5s");
    EXPECT_EQ(reset(59'999ms), "59.999s");
    EXPECT_EQ(reset(60s), "1m0s");
    EXPECT_EQ(reset(60'001ms), "1m1s");
    EXPECT_EQ(reset(360s), "6m0s");
    EXPECT_EQ(reset(3'600s), "1h0m0s");
    EXPECT_EQ(reset(90'061s), "25h1m1s");
}

TEST(Retry, SaysHowLongInBothUnits) {
    std::string out;
    append_retry_after(out, 1ms);
    EXPECT_EQ(out, "retry-after: 1\r\nretry-after-ms: 1\r\n");
    out.clear();
    append_retry_after(out, 2'001ms);
    EXPECT_EQ(out, "retry-after: 3\r\nretry-after-ms: 2001\r\n");
    out.clear();
    append_retry_after(out, 0ms);
    append_retry_after(out, -1ms);
    EXPECT_EQ(out, "");
}

TEST(Retry, PrefersTheExactDelay) {
    std::string out;
    append_retry(out, row(ErrorCode::kRequestLimit), 50ms);
    EXPECT_EQ(out, "x-should-retry: true\r\nretry-after: 1\r\nretry-after-ms: 50\r\n");
    out.clear();
    append_retry(out, row(ErrorCode::kOverloaded));
    EXPECT_EQ(out, "x-should-retry: true\r\nretry-after: 1\r\nretry-after-ms: 1000\r\n");
    out.clear();
    append_retry(out, row(ErrorCode::kUpstreamInvalid));
    EXPECT_EQ(out, "x-should-retry: true\r\n");
    out.clear();
    append_retry(out, row(ErrorCode::kInvalidKey), 50ms);
    EXPECT_EQ(out, "x-should-retry: false\r\n");
}

std::string advice(int status, const RetryAdvice& said) {
    std::string out;
    append_retry_advice(out, status, said);
    return out;
}

TEST(RetryAdvice, OfAProviderIsPassedOnInBothUnits) {
    EXPECT_EQ(advice(429, {.retry_after_ms = "50"}),
              "x-should-retry: true\r\nretry-after: 1\r\nretry-after-ms: 50\r\n");
    EXPECT_EQ(advice(429, {.retry_after = "2"}),
              "x-should-retry: true\r\nretry-after: 2\r\nretry-after-ms: 2000\r\n");
    EXPECT_EQ(advice(503, {.should_retry = "false", .retry_after = "9", .retry_after_ms = "8500"}),
              "x-should-retry: false\r\nretry-after: 9\r\nretry-after-ms: 8500\r\n");
    EXPECT_EQ(advice(503, {.retry_after = "Wed, 21 Oct 2015 07:28:00 GMT"}),
              "x-should-retry: true\r\nretry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n");
    for (const std::string_view odd : {"-1", "1.5", "9999999999", "x"}) {
        EXPECT_EQ(advice(503, {.retry_after_ms = odd}), "x-should-retry: true\r\n") << odd;
    }
}

TEST(RetryAdvice, FollowsTheStatusWhereTheProviderSaysNothing) {
    for (const int status : {408, 409, 429, 500, 502, 503, 529}) {
        EXPECT_EQ(advice(status, {}), "x-should-retry: true\r\n") << status;
    }
    for (const int status : {400, 404, 413, 422}) {
        EXPECT_EQ(advice(status, {}), "x-should-retry: false\r\n") << status;
        EXPECT_EQ(advice(status, {.should_retry = "maybe"}), "x-should-retry: false\r\n");
    }
    EXPECT_EQ(advice(400, {.should_retry = "true"}), "x-should-retry: true\r\n");
}

TEST(RequestId, IsTheClientsOwnWhenItCanBe) {
    Rng rng(1);
    EXPECT_EQ(RequestId("Trace-1.a_B", rng).view(), "Trace-1.a_B");
    EXPECT_EQ(RequestId(std::string(128, 'x'), rng).view().size(), 128U);
    for (const std::string& bad : {std::string(), std::string(129, 'x'), std::string("a b"),
                                   std::string("a\r\nset-cookie: x"), std::string("\xc3\xa9")}) {
        EXPECT_TRUE(RequestId(bad, rng).view().starts_with("req_")) << bad;
    }
    EXPECT_EQ(RequestId().view(), "");
}

TEST(RequestId, IsNewOtherwise) {
    Rng rng(1);
    std::set<std::string> seen;
    for (int i = 0; i < 1'000; ++i) {
        const RequestId id({}, rng);
        ASSERT_EQ(id.view().size(), 28U);
        ASSERT_EQ(id.view().substr(4).find_first_not_of("0123456789abcdef"),
                  std::string_view::npos);
        seen.emplace(id.view());
    }
    EXPECT_EQ(seen.size(), 1'000U);
}

}  // namespace
}  // namespace vidai::node::respond
