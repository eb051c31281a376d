// SPDX-License-Identifier: Apache-2.0
// What is refused, and that a refusal costs nothing.
#include <string>

#include <gtest/gtest.h>

#include "tests/node/exchange/fixture.h"

namespace vidai::node::exchange {
namespace {

TEST(Refusal, AnUnknownModelIs404AndReturnsTheRequest) {
    House house({.requests_per_minute = 1, .tokens_per_minute = {}, .concurrency = {}});
    EXPECT_EQ(house.post(R"({"model":"none","messages":[{"role":"user","content":"x"}]})"),
              Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 404 ")) << house.out;
    EXPECT_NE(house.out.find(R"("param":"model","code":"model_not_found")"), std::string::npos)
        << house.out;
    house.exchange.reset();
    EXPECT_EQ(house.use().requests_own, 0u);
    EXPECT_EQ(house.post(kChat), Next::kCall);
}

TEST(Refusal, AModelOutsideTheAllowListIs403) {
    House house({}, {"slow"});
    house.post(kChat);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 403 ")) << house.out;
}

TEST(Refusal, BadJsonNamesTheFieldAndIsNotRetried) {
    House house;
    house.post(R"({"messages":[]})");
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 400 ")) << house.out;
    EXPECT_NE(house.out.find("x-should-retry: false"), std::string::npos) << house.out;
}

TEST(Refusal, OverTheLimitSaysWhenToComeBack) {
    House house({.requests_per_minute = 1, .tokens_per_minute = {}, .concurrency = {}});
    ASSERT_EQ(house.post(kChat), Next::kCall);
    house.exchange->on_ready(false, test_now());
    house.answer(kOkHead);
    house.exchange->on_payload(kAnswer, test_now());
    ASSERT_EQ(house.exchange->on_end(test_now()), Next::kDone);
    EXPECT_NE(house.out.find("x-ratelimit-remaining-requests: 0\r\n"), std::string::npos);
    EXPECT_EQ(house.post(kChat), Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 429 ")) << house.out;
    for (const char* line : {"retry-after: ", "retry-after-ms: ", "x-should-retry: true",
                             "x-ratelimit-limit-requests: 1\r\n"}) {
        EXPECT_NE(house.out.find(line), std::string::npos) << line << house.out;
    }
}

TEST(Refusal, ADrainingNodeAsksTheClientToGoElsewhere) {
    House house;
    house.rooms->draining = true;
    house.request("GET /readyz HTTP/1.1\r\nhost: gw\r\n\r\n");
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 503 ")) << house.out;
    EXPECT_NE(house.out.find("connection: close\r\n"), std::string::npos);
    EXPECT_FALSE(house.exchange->keep_alive());
}

// What it knows of keys and limits is of when it was put out.
TEST(Refusal, AFencedNodeTakesNoRequestAndAnswersReadyzWithWhy) {
    for (const auto& [service, name] : {std::pair(mesh::Service::kRevoked, "revoked"),
                                        std::pair(mesh::Service::kForgotten, "forgotten"),
                                        std::pair(mesh::Service::kSuperseded, "superseded")}) {
        House house;
        house.service = service;
        EXPECT_EQ(house.post(kChat), Next::kDone) << "no provider is called";
        EXPECT_TRUE(house.out.starts_with("HTTP/1.1 503 ")) << house.out;
        EXPECT_NE(house.out.find(R"("code":"fenced")"), std::string::npos) << house.out;
        EXPECT_FALSE(house.exchange->keep_alive());
        house.request("GET /v1/models HTTP/1.1\r\nhost: gw\r\n\r\n");
        EXPECT_TRUE(house.out.starts_with("HTTP/1.1 503 ")) << "whatever the key: " << house.out;
        house.request("GET /readyz HTTP/1.1\r\nhost: gw\r\n\r\n");
        EXPECT_TRUE(house.out.starts_with("HTTP/1.1 503 ")) << house.out;
        EXPECT_NE(house.out.find(name), std::string::npos) << house.out;
        house.request("GET /healthz HTTP/1.1\r\nhost: gw\r\n\r\n");
        EXPECT_TRUE(house.out.starts_with("HTTP/1.1 200 ")) << "the process is well: " << house.out;
    }
}

TEST(Refusal, ANodeThatIsNotReadyButNotFencedServesWhoComesAllTheSame) {
    for (const auto& [service, name] : {std::pair(mesh::Service::kStarting, "starting"),
                                        std::pair(mesh::Service::kDraining, "draining"),
                                        std::pair(mesh::Service::kTurnedAway, "turned_away")}) {
        House house;
        house.service = service;
        EXPECT_EQ(house.post(kChat), Next::kCall) << house.out;
        house.request("GET /readyz HTTP/1.1\r\nhost: gw\r\n\r\n");
        EXPECT_TRUE(house.out.starts_with("HTTP/1.1 503 ")) << house.out;
        EXPECT_NE(house.out.find(name), std::string::npos) << house.out;
    }
}

TEST(Refusal, WhatCouldNotBeReadIsAnsweredInTheSameShape) {
    House house;
    house.exchange.emplace(*house.rooms, *house.local, house.scratch, house.out);
    house.exchange->refuse({ErrorCode::kMalformedHttp, "a field name has a space", ""}, test_now());
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 400 ")) << house.out;
    EXPECT_NE(house.out.find(R"({"error":{)"), std::string::npos);
    EXPECT_FALSE(house.exchange->keep_alive());
}

}  // namespace
}  // namespace vidai::node::exchange
