// SPDX-License-Identifier: Apache-2.0
// A provider's failures: what the log tells an operator, what a client is told, who is tried next.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/node/exchange/fixture.h"

namespace vidai::node::exchange {
namespace {

using testing::HasSubstr;
using testing::Not;
using upstream::Outcome;

void ready(House& house) {
    house.exchange->on_ready(false, test_now());
}
std::string finished(House& house) {
    house.exchange->finish(test_now());
    return house.logged();
}

TEST(FailureLog, NamesRequestProviderTargetAndWhatOfEachAttempt) {
    for (const Outcome why :
         {Outcome::kResolveFailed, Outcome::kConnectFailed, Outcome::kConnectTimeout,
          Outcome::kTlsFailed, Outcome::kSendFailed, Outcome::kFirstByteTimeout,
          Outcome::kClosedBeforeFirstByte, Outcome::kBroken, Outcome::kIdleTimeout}) {
        House house;
        house.post(kChat, "x-request-id: abc\r\n");
        ready(house);
        house.exchange->on_failed(why, test_now(), "Connection refused");
        ready(house);
        house.exchange->on_failed(why, test_now());
        const std::string log = finished(house);
        const std::string what = "\"what\":\"" + std::string(upstream::outcome_name(why)) + "\"";
        EXPECT_THAT(log, HasSubstr(R"("event":"upstream.failed","request_id":"abc","model":"fast",)"
                                   R"("provider":"one","target":"model-a","attempt":1,)" +
                                   what + R"(,"error":"Connection refused","retried":true})"));
        EXPECT_THAT(log, HasSubstr(R"("provider":"two","target":"model-b","attempt":2,)" + what +
                                   R"(,"retried":false})"));
        EXPECT_THAT(log, HasSubstr(R"("outcome":"error","error":"upstream_)"));
        EXPECT_THAT(log, HasSubstr(R"("attempts":2)"));
        EXPECT_THAT(log, HasSubstr(R"("duration_us":)"));
    }
}

TEST(FailureLog, SaysNothingOfAStaleConnectionThatWasReplaced) {
    House house;
    house.post(kChat);
    house.exchange->on_ready(true, test_now());
    house.exchange->on_failed(Outcome::kClosedBeforeFirstByte, test_now());
    EXPECT_EQ(house.logged(), "");
}

TEST(FailureLog, HasTheStatusOfARefusalThatIsTheProvidersTroubleOnly) {
    House house;
    house.post(kChat);
    ready(house);
    house.answer(refusal(503));
    EXPECT_THAT(house.logged(), HasSubstr(R"("what":"status","status":503,"retried":true})"));
    House own;
    own.post(kChat);
    ready(own);
    own.answer(refusal(400));
    own.end_with(kRefusal);
    const std::string log = finished(own);
    EXPECT_THAT(log, Not(HasSubstr("upstream.failed"))) << "a client's mistake is no warning";
    EXPECT_THAT(log, HasSubstr(R"("status":400,"outcome":"error","error":"upstream_error")"));
}

TEST(FailureLog, TellsGarbageFromFailure) {
    House house;
    house.post(kChat);
    ready(house);
    house.answer(kOkHead);
    house.end_with("<html>");
    EXPECT_THAT(house.logged(), HasSubstr(R"("event":"upstream.invalid")"));
    EXPECT_THAT(house.logged(), HasSubstr(R"("what":"not_json","error":"The provider's answer)"));
    House http;
    http.post(kChat);
    ready(http);
    http.exchange->on_failed(Outcome::kMalformed, test_now());
    EXPECT_THAT(http.logged(), HasSubstr(R"("event":"upstream.invalid")"));
    EXPECT_THAT(http.logged(), HasSubstr(R"("what":"malformed_http")"));
}

TEST(FailureLog, TellsABrokenStreamFromAGoodOne) {
    House house;
    house.post(kChatStream);
    ready(house);
    house.answer(kStreamHead);
    house.exchange->on_failed(Outcome::kBroken, test_now());
    const std::string log = finished(house);
    EXPECT_THAT(log, HasSubstr(R"("what":"broken","status":200,"retried":false})"));
    EXPECT_THAT(log,
                HasSubstr(R"("status":200,"outcome":"broken","error":"upstream_interrupted")"));
}

TEST(FailureLog, GivesACancelledRequestItsOwnStatus) {
    House house;
    house.post(kChat);
    ready(house);
    house.exchange->on_client_gone(test_now());
    const std::string log = finished(house);
    EXPECT_THAT(log, HasSubstr(R"("status":499,"outcome":"cancelled","error":"cancelled")"));
    EXPECT_THAT(log, Not(HasSubstr("total_us"))) << "no answer went out";
    EXPECT_THAT(log, Not(HasSubstr("upstream.failed")));
    EXPECT_EQ(house.metrics->endpoints[0].status[0].get(), 1u) << "answered nothing";
}

TEST(FailureLog, SaysWhatAGoodRequestUsed) {
    House house;
    house.post(kChat);
    ready(house);
    house.answer(kOkHead);
    house.end_with(kAnswer);
    const std::string log = finished(house);
    EXPECT_THAT(log, HasSubstr(R"("status":200,"outcome":"ok","key":")"));
    EXPECT_THAT(log, HasSubstr(R"("input_tokens":11,"output_tokens":3,"cost_micro_usd":17})"));
    EXPECT_THAT(log, Not(HasSubstr("\"\""))) << "an empty field was written";
}

TEST(Credential, OfTheGatewayRefusedIsTriedOnTheNextTarget) {
    for (const int status : {401, 403}) {
        House house;
        house.post(kChat);
        ready(house);
        ASSERT_EQ(house.answer(refusal(status)), Next::kCall) << status;
        EXPECT_EQ(house.exchange->provider(), 1);
        const std::string logged = house.logged();
        EXPECT_THAT(logged, HasSubstr(R"("event":"upstream.credential_refused")"));
        EXPECT_THAT(logged,
                    HasSubstr(R"("what":"credential_refused","status":)" + std::to_string(status)));
        ready(house);
        house.answer(kOkHead);
        house.end_with(kAnswer);
        EXPECT_THAT(house.out, HasSubstr("HTTP/1.1 200 "));
    }
}

TEST(Credential, OfTheGatewayRefusedByAllIsNotTheClientsFault) {
    House house;
    house.post(kChat);
    ready(house);
    ASSERT_EQ(house.answer(refusal(401)), Next::kCall);
    ready(house);
    ASSERT_EQ(house.answer(refusal(401, "www-authenticate: Bearer sk-canary\r\n")), Next::kDone)
        << "the provider's text, which may quote the key, is not even read";
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 502 ")) << house.out;
    EXPECT_THAT(house.out, HasSubstr(R"("code":"upstream_credential_refused")"));
    EXPECT_THAT(house.out, HasSubstr("x-should-retry: false\r\n"));
    EXPECT_THAT(house.out, Not(HasSubstr("canary")));
    EXPECT_THAT(finished(house), Not(HasSubstr("canary")));
}

TEST(Model, ThatAProviderLacksIsTriedOnTheNextTargetAndTheLastRefusalPasses) {
    House house;
    house.post(kChat);
    ready(house);
    ASSERT_EQ(house.answer(refusal(404)), Next::kCall);
    ready(house);
    ASSERT_EQ(house.answer(refusal(404)), Next::kWait);
    house.end_with(kRefusal);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 404 ")) << house.out;
    EXPECT_TRUE(house.out.ends_with(kRefusal)) << house.out;
}

// What goes out when the only answer is this.
std::string refused(int status, const std::string& lines, std::string_view body) {
    House house;
    house.post(kChat);
    ready(house);
    if (house.answer(refusal(status, lines)) == Next::kCall) {
        ready(house);
        house.answer(refusal(status, lines));
    }
    house.end_with(body);
    EXPECT_TRUE(house.exchange->keep_alive());
    return house.out;
}

TEST(Refusal, ThatNoClientCanReadIsReplacedByOneOfOursWithTheSameStatus) {
    for (const std::string_view body : {"", "<html>not here</html>", "{}", R"({"error":"x"})"}) {
        for (const int status : {400, 404, 429, 503}) {
            const std::string out = refused(status, "x-request-id: theirs\r\n", body);
            EXPECT_TRUE(out.starts_with("HTTP/1.1 " + std::to_string(status) + " ")) << out;
            EXPECT_THAT(out, HasSubstr(R"({"error":{"message":"The provider of this model)"));
            EXPECT_THAT(out, HasSubstr(R"("code":"upstream_error"}})"));
            EXPECT_THAT(out, HasSubstr("content-type: application/json\r\n"));
            EXPECT_THAT(out, HasSubstr("x-vidai-provider-request-id: theirs\r\n"));
            EXPECT_THAT(out, Not(HasSubstr("not here")));
        }
    }
}

TEST(Refusal, SaysWhetherAndWhenToTryAgain) {
    for (const std::string_view body : {kRefusal, std::string_view("")}) {
        EXPECT_THAT(refused(400, "", body), HasSubstr("x-should-retry: false\r\n"));
        EXPECT_THAT(refused(404, "", body), HasSubstr("x-should-retry: false\r\n"));
        const std::string limited = refused(429, "retry-after: 2\r\n", body);
        EXPECT_THAT(limited, HasSubstr("x-should-retry: true\r\n"));
        EXPECT_THAT(limited, HasSubstr("retry-after: 2\r\nretry-after-ms: 2000\r\n"));
        EXPECT_EQ(limited.find("retry-after: 2"), limited.rfind("retry-after: 2")) << "twice";
        EXPECT_THAT(refused(503, "x-should-retry: false\r\n", body),
                    HasSubstr("x-should-retry: false\r\n"));
    }
}

TEST(Refusal, ByARedirectionIsABadGatewayAndTellsNoPlace) {
    const std::string out = refused(302, "location: https://internal.example/\r\n", "");
    EXPECT_TRUE(out.starts_with("HTTP/1.1 502 ")) << out;
    EXPECT_THAT(out, Not(HasSubstr("internal.example")));
    EXPECT_THAT(out, HasSubstr(R"("code":"upstream_error")"));
}

}  // namespace
}  // namespace vidai::node::exchange
