// SPDX-License-Identifier: Apache-2.0
// An unstreamed call: what goes to the provider, what comes back, what is tried again, and that
// the account is settled on every way out.
#include <string>

#include <gtest/gtest.h>

#include "tests/node/exchange/fixture.h"

namespace vidai::node::exchange {
namespace {

using upstream::Outcome;

std::string body_of(std::string_view message) {
    return std::string(message.substr(message.find("\r\n\r\n") + 4));
}

TEST(Call, SendsTheBodyByteForByteButForTheModel) {
    House house;
    const std::string body = R"({ "model" : "fast", "x_unknown":[1,2.50,"\u00e9"],)"
                             R"("messages":[{"role":"user","content":"a"}]})";
    ASSERT_EQ(house.post(body), Next::kCall);
    const std::string sent(house.exchange->on_ready(false, test_now()));
    std::string expected = body;
    expected.replace(expected.find("\"fast\""), 6, "\"model-a\"");
    EXPECT_EQ(body_of(sent), expected);
    EXPECT_TRUE(sent.starts_with("POST /v1/chat/completions HTTP/1.1\r\nhost: one.example\r\n"));
    EXPECT_NE(sent.find("authorization: Bearer sk-canary-of-provider-one\r\n"), std::string::npos);
    EXPECT_EQ(sent.find(house.secret), std::string::npos) << "the caller's key went upstream";
}

TEST(Call, RelaysTheAnswerByteForByteWithTheGatewaysOwnLines) {
    House house;
    house.post(kChat);
    house.exchange->on_ready(false, test_now());
    EXPECT_EQ(house.answer(kOkHead), Next::kWait);
    EXPECT_EQ(house.exchange->on_payload(kAnswer.substr(0, 40), test_now()), Next::kWait);
    EXPECT_EQ(house.exchange->on_payload(kAnswer.substr(40), test_now()), Next::kWait);
    EXPECT_TRUE(house.out.empty()) << "nothing goes out before the answer is whole";
    EXPECT_EQ(house.exchange->on_end(test_now()), Next::kDone);
    EXPECT_EQ(body_of(house.out), kAnswer);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"));
    EXPECT_NE(house.out.find("openai-version: 2020\r\n"), std::string::npos);
    EXPECT_NE(house.out.find("x-vidai-provider-request-id: theirs\r\n"), std::string::npos);
    EXPECT_EQ(house.out.find("x-ratelimit-limit-requests: 9"), std::string::npos);
    EXPECT_NE(house.out.find("upstream;dur="), std::string::npos);
    EXPECT_TRUE(house.exchange->keep_alive());
}

TEST(Call, SettlesWithTheProvidersUsage) {
    House house({.requests_per_minute = {}, .tokens_per_minute = 100'000, .concurrency = 1});
    house.post(kChat);
    EXPECT_GT(house.use().tokens_own, 1'000u) << "input and the default output are reserved";
    EXPECT_EQ(house.use().in_flight, 1u);
    house.exchange->on_ready(false, test_now());
    house.answer(kOkHead);
    house.exchange->on_payload(kAnswer, test_now());
    house.exchange->on_end(test_now());
    EXPECT_EQ(house.use().tokens_own, 14u);
    EXPECT_EQ(house.use().in_flight, 0u);
    EXPECT_EQ(house.use().spend_own, MicroUsd{11 + 3 * 2});
}

TEST(Call, TriesTheNextTargetBeforeTheFirstByte) {
    for (const Outcome why :
         {Outcome::kConnectFailed, Outcome::kTlsFailed, Outcome::kResolveFailed,
          Outcome::kConnectTimeout, Outcome::kFirstByteTimeout, Outcome::kClosedBeforeFirstByte}) {
        House house;
        house.post(kChat);
        EXPECT_EQ(house.exchange->provider(), 0);
        house.exchange->on_ready(false, test_now());
        ASSERT_EQ(house.exchange->on_failed(why, test_now()), Next::kCall);
        EXPECT_EQ(house.exchange->provider(), 1);
        const std::string sent(house.exchange->on_ready(false, test_now()));
        EXPECT_NE(sent.find("host: two.example\r\n"), std::string::npos);
        EXPECT_NE(sent.find(R"("model":"model-b")"), std::string::npos);
        house.answer(kOkHead);
        house.exchange->on_payload(kAnswer, test_now());
        EXPECT_EQ(house.exchange->on_end(test_now()), Next::kDone);
        EXPECT_TRUE(house.out.starts_with("HTTP/1.1 200 "));
    }
}

TEST(Call, AStaleKeptConnectionIsReplacedByAFreshOneToTheSameTarget) {
    House house;
    house.post(kChat);
    house.exchange->on_ready(true, test_now());
    ASSERT_EQ(house.exchange->on_failed(Outcome::kClosedBeforeFirstByte, test_now()), Next::kCall);
    EXPECT_EQ(house.exchange->provider(), 0);
    EXPECT_TRUE(house.exchange->fresh_connection());
}

TEST(Call, A503GoesToTheNextTargetAndTheLastOnesAnswerPassesThrough) {
    House house;
    house.post(kChat);
    house.exchange->on_ready(false, test_now());
    ASSERT_EQ(house.answer(refusal(503)), Next::kCall);
    house.exchange->on_ready(false, test_now());
    ASSERT_EQ(house.answer(refusal(503)), Next::kWait);
    EXPECT_EQ(house.end_with(kRefusal), Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 503 ")) << house.out;
    EXPECT_EQ(body_of(house.out), kRefusal);
}

TEST(Call, AllTargetsDownIsOneClearError) {
    House house;
    house.post(kChat);
    ASSERT_EQ(house.exchange->on_failed(Outcome::kConnectFailed, test_now()), Next::kCall);
    ASSERT_EQ(house.exchange->on_failed(Outcome::kConnectFailed, test_now()), Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 502 ")) << house.out;
    EXPECT_EQ(house.out.find("example"), std::string::npos) << "an internal name leaks";
    house.exchange.reset();
    EXPECT_EQ(house.use().spend_own, MicroUsd{0}) << "nothing was sent";
}

TEST(Call, GarbageFromTheProviderIsA502) {
    House house;
    house.post(kChat);
    house.exchange->on_ready(false, test_now());
    house.answer(kOkHead);
    house.exchange->on_payload("{\"choices\": [", test_now());
    EXPECT_EQ(house.exchange->on_end(test_now()), Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 502 ")) << house.out;
}

TEST(Call, AHungUpCallerLeavesTheWholeReserveCharged) {
    House house({.requests_per_minute = {}, .tokens_per_minute = 100'000, .concurrency = 1});
    house.post(kChat);
    const std::uint64_t reserved = house.use().tokens_own;
    house.exchange->on_ready(false, test_now());
    house.exchange->on_client_gone(test_now());
    house.exchange.reset();
    EXPECT_EQ(house.use().tokens_own, reserved) << "the provider may have done all the work";
    EXPECT_EQ(house.use().in_flight, 0u);
}

TEST(Call, DestroyingItBeforeAnythingWasSentReturnsEverything) {
    House house({.requests_per_minute = 5, .tokens_per_minute = 100'000, .concurrency = 1});
    house.post(kChat);
    house.exchange.reset();
    EXPECT_EQ(house.use().tokens_own, 0u);
    EXPECT_EQ(house.use().requests_own, 0u);
    EXPECT_EQ(house.use().in_flight, 0u);
}

}  // namespace
}  // namespace vidai::node::exchange
