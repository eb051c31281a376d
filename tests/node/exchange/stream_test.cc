// SPDX-License-Identifier: Apache-2.0
// A streamed call: relayed byte for byte in whatever pieces it comes, metered by the usage chunk
// that we ask for, and ended well even when the provider does not.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "node/http/chunked.h"
#include "tests/node/exchange/fixture.h"

namespace vidai::node::exchange {
namespace {

const std::string kRole =
    "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
    "\"\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const std::string kText =
    "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"H\\u00e9llo "
    "there\"},\"finish_reason\":null}],\"usage\":null}\n\n";
const std::string kStop =
    "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"
    "\"usage\":null}\n\n";
const std::string kUsage =
    "data: {\"id\":\"x\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":5,"
    "\"total_tokens\":16}}\n\n";
const std::string kEnd = "data: [DONE]\n\n";

// The payload of the chunked body in `out`; fails when it is not whole.
std::string dechunk(const std::string& out) {
    std::string_view rest = std::string_view(out).substr(out.find("\r\n\r\n") + 4);
    http::ChunkedDecoder decoder;
    std::string all;
    std::string_view payload;
    http::BodyProgress progress = http::BodyProgress::kNeedMore;
    while ((progress = decoder.next(rest, payload)) == http::BodyProgress::kData) all += payload;
    EXPECT_EQ(progress, http::BodyProgress::kDone) << out;
    EXPECT_TRUE(rest.empty());
    return all;
}

std::string stream(House& house, const std::string& body, const std::string& events,
                   std::size_t piece, bool ends_well = true) {
    EXPECT_EQ(house.post(body), Next::kCall);
    house.exchange->on_ready(false, test_now());
    EXPECT_EQ(house.answer(kStreamHead), Next::kWait);
    for (std::size_t at = 0; at < events.size(); at += piece) {
        const std::string part = events.substr(at, piece);
        EXPECT_EQ(house.exchange->on_payload(part, test_now()), Next::kWait);
    }
    EXPECT_EQ(ends_well ? house.exchange->on_end(test_now())
                        : house.exchange->on_failed(upstream::Outcome::kBroken, test_now()),
              Next::kDone);
    return dechunk(house.out);
}

TEST(Stream, TakesOutOnlyTheUsageChunkThatNobodyAskedForAtEverySplit) {
    const std::string events = kRole + kText + kStop + kUsage + kEnd;
    for (std::size_t piece = 1; piece <= events.size(); piece += piece < 40 ? 1 : 37) {
        House house({.requests_per_minute = {}, .tokens_per_minute = 100'000, .concurrency = {}});
        EXPECT_EQ(stream(house, std::string(kChatStream), events, piece),
                  kRole + kText + kStop + kEnd)
            << piece;
        EXPECT_EQ(house.use().tokens_own, 16u);
        EXPECT_TRUE(house.exchange->keep_alive());
    }
}

TEST(Stream, KeepsTheUsageChunkForAClientThatAsked) {
    House house;
    const std::string body =
        R"({"model":"fast","stream":true,"stream_options":{"include_usage":true},)"
        R"("messages":[{"role":"user","content":"a"}]})";
    const std::string events = kRole + kText + kStop + kUsage + kEnd;
    EXPECT_EQ(stream(house, body, events, events.size()), events);
}

TEST(Stream, AsksTheProviderForUsage) {
    House house;
    house.post(kChatStream);
    const std::string sent(house.exchange->on_ready(false, test_now()));
    EXPECT_NE(sent.find("\"stream_options\":{\"include_usage\":true}"), std::string::npos) << sent;
    EXPECT_NE(sent.find("accept: text/event-stream\r\n"), std::string::npos);
}

TEST(Stream, WithoutUsageIsEstimatedAndMarked) {
    House house({.requests_per_minute = {}, .tokens_per_minute = 100'000, .concurrency = {}});
    stream(house, std::string(kChatStream), kRole + kText + kStop + kEnd, 10'000);
    EXPECT_GT(house.use().tokens_own, 0u);
    EXPECT_LT(house.use().tokens_own, 100u);
    EXPECT_GT(house.metrics->targets[1].estimated_tokens.get(), 0u);
}

TEST(Stream, ThatBreaksOffEndsWithAnErrorEventAndIsBilledForWhatCame) {
    House house({.requests_per_minute = {}, .tokens_per_minute = 100'000, .concurrency = {}});
    const std::string got =
        stream(house, std::string(kChatStream), kRole + kText, 10'000, /*ends_well=*/false);
    EXPECT_TRUE(got.starts_with(kRole + kText));
    EXPECT_NE(got.find("data: {\"error\":{"), std::string::npos) << got;
    EXPECT_FALSE(house.exchange->keep_alive());
    EXPECT_GT(house.use().tokens_own, 0u);
    EXPECT_LT(house.use().tokens_own, 100u);
}

TEST(Stream, ThatEndsWithoutItsLastEventsIsNotTakenForWhole) {
    House house;
    const std::string got = stream(house, std::string(kChatStream), kRole + kText, 10'000);
    EXPECT_NE(got.find("data: {\"error\":{"), std::string::npos) << got;
}

TEST(Stream, AHungUpCallerPaysForWhatWasProduced) {
    House house({.requests_per_minute = {}, .tokens_per_minute = 100'000, .concurrency = 2});
    house.post(kChatStream);
    const std::uint64_t reserved = house.use().tokens_own;
    house.exchange->on_ready(false, test_now());
    house.answer(kStreamHead);
    house.exchange->on_payload(kRole + kText, test_now());
    house.exchange->on_client_gone(test_now());
    EXPECT_GT(house.use().tokens_own, 0u);
    EXPECT_LT(house.use().tokens_own, reserved);
    EXPECT_EQ(house.use().in_flight, 0u);
    EXPECT_EQ(house.metrics->streams.get(), 0u);
}

TEST(Stream, ToAnHttp10ClientEndsWithTheConnection) {
    House house;
    house.request(
        "POST /v1/chat/completions HTTP/1.0\r\nconnection: keep-alive\r\n"
        "authorization: Bearer " +
        house.secret + "\r\ncontent-length: " + std::to_string(kChatStream.size()) + "\r\n\r\n" +
        std::string(kChatStream));
    house.exchange->on_ready(false, test_now());
    house.answer(kStreamHead);
    house.exchange->on_payload(kRole + kStop + kEnd, test_now());
    house.exchange->on_end(test_now());
    EXPECT_TRUE(house.out.ends_with("\r\n\r\n" + kRole + kStop + kEnd)) << house.out;
    EXPECT_EQ(house.out.find("transfer-encoding"), std::string::npos);
    EXPECT_FALSE(house.exchange->keep_alive());
}

TEST(Stream, ARefusalOfTheProviderIsNotAStream) {
    House house;
    house.post(kChatStream);
    house.exchange->on_ready(false, test_now());
    house.answer(refusal(400));
    EXPECT_EQ(house.end_with(kRefusal), Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 400 "));
    EXPECT_TRUE(house.out.ends_with(kRefusal));
}

TEST(Stream, AnErrorEventOfTheProviderIsTheLastOneAndTheOnlyOne) {
    House house({.requests_per_minute = {}, .tokens_per_minute = 100'000, .concurrency = {}});
    house.post(kChatStream);
    house.exchange->on_ready(false, test_now());
    house.answer(kStreamHead);
    const std::string failure = "data: " + std::string(kRefusal) + "\n\n";
    EXPECT_EQ(house.exchange->on_payload(kRole + kText + failure + kText, test_now()), Next::kDone);
    EXPECT_EQ(dechunk(house.out), kRole + kText + failure);
    EXPECT_GT(house.use().tokens_own, 0u);
    EXPECT_LT(house.use().tokens_own, 100u);
    EXPECT_NE(house.logged().find(R"("what":"error_event")"), std::string::npos);
}

TEST(Stream, ThatBreaksAfterItsLastEventIsWhole) {
    House house;
    const std::string got = stream(house, std::string(kChatStream), kRole + kText + kStop + kEnd,
                                   10'000, /*ends_well=*/false);
    EXPECT_EQ(got, kRole + kText + kStop + kEnd);
    house.exchange->finish(test_now());
    EXPECT_NE(house.logged().find(R"("outcome":"ok")"), std::string::npos) << house.logged();
}

}  // namespace
}  // namespace vidai::node::exchange
