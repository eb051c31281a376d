// SPDX-License-Identifier: Apache-2.0
// What a request is charged on every way out (the table in docs/life-of-a-request.md), and that
// the key's counters and the metrics always say the same.
#include <cstdint>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "tests/node/exchange/fixture.h"

namespace vidai::node::exchange {
namespace {

using upstream::Outcome;

const std::string kText =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello there\"}}]}\n\n";

constexpr std::int64_t kInput = 10;      // estimated, of both requests
constexpr std::int64_t kOutput = 1'024;  // reserved
constexpr std::int64_t kPiece = 3;       // of kText

struct Way {
    const char* name;
    bool stream;
    std::int64_t tokens;
    std::int64_t micro_usd;  // the first target: 1 in, 2 out; the second has no price
    std::function<void(House&)> walk;
};

void ready(House& house) {
    house.exchange->on_ready(false, test_now());
}
void fails(House& house, Outcome why) {
    house.exchange->on_failed(why, test_now());
}
void leaves(House& house) {
    house.exchange->on_client_gone(test_now());
}

const Way kWays[] = {
    {"nobody could be reached", false, 0, 0,
     [](House& h) {
         fails(h, Outcome::kConnectFailed);
         fails(h, Outcome::kResolveFailed);
     }},
    {"the caller left before anything was sent", false, 0, 0, leaves},
    {"cut off before anything was sent", true, 0, 0, [](House& h) { h.exchange.reset(); }},
    {"all refused with a status", false, 0, 0,
     [](House& h) {
         ready(h);
         h.answer(refusal(503));
         ready(h);
         h.answer(refusal(429));
         h.end_with(kRefusal);
     }},
    {"all refused the gateway's credential", false, 0, 0,
     [](House& h) {
         ready(h);
         h.answer(refusal(401));
         ready(h);
         h.answer(refusal(403));
     }},
    {"refused, and the next one unreachable", false, 0, 0,
     [](House& h) {
         ready(h);
         h.answer(refusal(503));
         fails(h, Outcome::kConnectFailed);
     }},
    {"refused, and the caller left amid the refusal", false, 0, 0,
     [](House& h) {
         ready(h);
         h.answer(refusal(400));
         leaves(h);
     }},
    {"the answer never came, of either; the dearer is paid, once", false, kInput + kOutput,
     kInput + 2 * kOutput,
     [](House& h) {
         ready(h);
         fails(h, Outcome::kClosedBeforeFirstByte);
         ready(h);
         fails(h, Outcome::kFirstByteTimeout);
     }},
    {"the answer never came, and the next one refused", false, kInput + kOutput,
     kInput + 2 * kOutput,
     [](House& h) {
         ready(h);
         fails(h, Outcome::kBroken);
         ready(h);
         h.answer(refusal(404));
         h.end_with(kRefusal);
     }},
    {"the answer never came, but the next one's did", false, 14, 0,
     [](House& h) {
         ready(h);
         fails(h, Outcome::kFirstByteTimeout);
         ready(h);
         h.answer(kOkHead);
         h.end_with(kAnswer);
     }},
    {"garbage", false, kInput + kOutput, kInput + 2 * kOutput,
     [](House& h) {
         ready(h);
         h.answer(kOkHead);
         h.end_with("{\"choices\": [");
     }},
    {"the caller left before the answer", false, kInput + kOutput, kInput + 2 * kOutput,
     [](House& h) {
         ready(h);
         leaves(h);
     }},
    {"cut off before the answer", false, kInput + kOutput, kInput + 2 * kOutput,
     [](House& h) {
         ready(h);
         h.exchange.reset();
     }},
    {"answered", false, 14, 11 + 2 * 3,
     [](House& h) {
         ready(h);
         h.answer(kOkHead);
         h.end_with(kAnswer);
     }},
    {"a stream of which nothing came", true, kInput, kInput,
     [](House& h) {
         ready(h);
         leaves(h);
     }},
    {"a stream that both dropped before it began", true, kInput, kInput,
     [](House& h) {
         ready(h);
         fails(h, Outcome::kClosedBeforeFirstByte);
         ready(h);
         fails(h, Outcome::kClosedBeforeFirstByte);
     }},
    {"a stream that the caller left", true, kInput + kPiece, kInput + 2 * kPiece,
     [](House& h) {
         ready(h);
         h.answer(kStreamHead);
         h.exchange->on_payload(kText, test_now());
         leaves(h);
     }},
    {"a stream that broke", true, kInput + kPiece, kInput + 2 * kPiece,
     [](House& h) {
         ready(h);
         h.answer(kStreamHead);
         h.exchange->on_payload(kText, test_now());
         fails(h, Outcome::kBroken);
     }},
    {"a stream that was cut off", true, kInput + kPiece, kInput + 2 * kPiece,
     [](House& h) {
         ready(h);
         h.answer(kStreamHead);
         h.exchange->on_payload(kText, test_now());
         h.exchange.reset();
     }},
};

TEST(Account, ChargesEveryWayOutByTheTableAndTellsTheMetricsTheSame) {
    for (const Way& way : kWays) {
        SCOPED_TRACE(way.name);
        House house({.requests_per_minute = {}, .tokens_per_minute = 100'000, .concurrency = 1});
        ASSERT_EQ(house.post(way.stream ? kChatStream : kChat), Next::kCall);
        ASSERT_EQ(house.use().tokens_own, static_cast<std::uint64_t>(kInput + kOutput));
        way.walk(house);
        house.exchange.reset();
        const mesh::limits::SlotUse use = house.use();
        EXPECT_EQ(use.in_flight, 0u);
        EXPECT_EQ(use.tokens_own, static_cast<std::uint64_t>(way.tokens));
        EXPECT_EQ(use.spend_own, MicroUsd{way.micro_usd});
        std::uint64_t tokens = 0;
        std::uint64_t micro_usd = 0;
        for (const observe::TargetMetrics& target : house.metrics->targets) {
            tokens += target.input_tokens.get() + target.output_tokens.get();
            micro_usd += target.cost_micro_usd.get();
        }
        EXPECT_EQ(tokens, static_cast<std::uint64_t>(way.tokens)) << "metrics disagree";
        EXPECT_EQ(micro_usd, static_cast<std::uint64_t>(way.micro_usd)) << "metrics disagree";
    }
}

TEST(Account, MarksWhatNoProviderCounted) {
    House house;
    house.post(kChat);
    ready(house);
    leaves(house);
    EXPECT_EQ(house.metrics->targets[1].estimated_tokens.get(),
              static_cast<std::uint64_t>(kInput + kOutput));
}

}  // namespace
}  // namespace vidai::node::exchange
