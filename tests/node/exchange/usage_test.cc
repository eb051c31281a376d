// SPDX-License-Identifier: Apache-2.0
// The events that requests leave: one for each call of a provider that can have cost something, and
// all together what the key's hard budgets were charged.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/node/exchange/budgeted.h"

namespace vidai::node::exchange {
namespace {

using mesh::usage::Event;
using How = mesh::usage::Outcome;

const std::string kText =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello there\"}}]}\n\n";
const std::string kFinish =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":3,"
    "\"total_tokens\":14}}\n\ndata: [DONE]\n\n";

TEST(UsageEvents, SayWhoCalledWhatAndWhatItCame) {
    House house;
    house.post(kChat, "x-request-id: mine-1\r\n");
    ready(house);
    house.answer(kOkHead);
    house.end_with(kAnswer);
    const auto events = house.events();
    ASSERT_EQ(events.size(), 1U);
    const Event& event = events.front();
    EXPECT_EQ(event.number, 1U);
    EXPECT_EQ(event.time, kWall);
    EXPECT_EQ(event.request, "mine-1");
    EXPECT_EQ(event.caller.key, house.keys.load()->entries().front().record.id);
    EXPECT_EQ(event.callee, (mesh::usage::Callee{"fast", "one", "model-a", "chat_completions"}));
    EXPECT_EQ(event.tokens.input, Tokens{11});
    EXPECT_EQ(event.tokens.output, Tokens{3});
    EXPECT_TRUE(event.priced);
    EXPECT_EQ(event.cost, MicroUsd{17});
    EXPECT_EQ(event.charged, MicroUsd{}) << "there is no hard budget";
    EXPECT_FALSE(event.estimated);
    EXPECT_EQ(event.outcome, How::kAnswered);
}

TEST(UsageEvents, NameTheOwnerThatTheKeyHadAtThatTime) {
    House house;
    auto entries = house.keys.load()->entries();
    std::vector<mesh::state::KeyEntry> changed(entries.begin(), entries.end());
    changed.front().record.owner = {"ann", "blue", "search"};
    house.keys.publish(std::make_shared<const mesh::state::KeyTable>(changed));
    house.reader.refresh();
    house.post(kChat);
    ready(house);
    house.answer(kOkHead);
    house.end_with(kAnswer);
    // The event is written from what it held, whatever has become of the table meanwhile.
    changed.front().record.owner = {};
    house.keys.publish(std::make_shared<const mesh::state::KeyTable>(changed));
    house.reader.refresh();
    const auto events = house.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events.front().caller.user, "ann");
    EXPECT_EQ(events.front().caller.team, "blue");
    EXPECT_EQ(events.front().caller.project, "search");
}

TEST(UsageEvents, AreOneForEachCallWhateverWasRetried) {
    House house;
    house.post(kChat);
    ready(house);
    fails(house, Outcome::kFirstByteTimeout);
    ready(house);
    house.answer(kOkHead);
    house.end_with(kAnswer);
    const auto events = house.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].outcome, How::kUnknown);
    EXPECT_TRUE(events[0].estimated);
    EXPECT_EQ(events[0].callee.provider, "one");
    EXPECT_EQ(events[1].outcome, How::kAnswered);
    EXPECT_EQ(events[1].callee.provider, "two");
    EXPECT_FALSE(events[1].priced) << "that target has no price";
    EXPECT_EQ(events[0].request, events[1].request);
}

TEST(UsageEvents, AreNoneOfWhatNobodyCanBill) {
    House house;
    house.post(kChat);
    fails(house, Outcome::kConnectFailed);
    fails(house, Outcome::kConnectFailed);
    house.post(kChat);
    ready(house);
    house.answer(refusal(503));
    ready(house);
    house.answer(refusal(429));
    house.end_with(kRefusal);
    house.request("GET /v1/models HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer " + house.secret +
                  "\r\n\r\n");
    EXPECT_TRUE(house.events().empty());
}

struct Way {
    const char* name;
    std::vector<How> outcomes;
    std::function<void(Budgeted&)> walk;
};

void begin_stream(Budgeted& house) {
    ASSERT_EQ(house.post(kChatStream), Next::kCall);
    ready(house);
    house.answer(kStreamHead);
}

const Way kWays[] = {
    {"answered",
     {How::kAnswered},
     [](Budgeted& h) {
         h.post(kChat);
         ready(h);
         h.answer(kOkHead);
         h.end_with(kAnswer);
     }},
    {"lost, and answered by another",
     {How::kUnknown, How::kAnswered},
     [](Budgeted& h) {
         h.post(kChat);
         ready(h);
         fails(h, Outcome::kFirstByteTimeout);
         ready(h);
         h.answer(kOkHead);
         h.end_with(kAnswer);
     }},
    {"lost twice",
     {How::kUnknown, How::kUnknown},
     [](Budgeted& h) {
         h.post(kChat);
         ready(h);
         fails(h, Outcome::kFirstByteTimeout);
         ready(h);
         fails(h, Outcome::kFirstByteTimeout);
     }},
    {"gone stale, and made again",
     {How::kUnknown, How::kAnswered},
     [](Budgeted& h) {
         h.post(kChat);
         h.exchange->on_ready(true, test_now());
         fails(h, Outcome::kClosedBeforeFirstByte);
         ready(h);
         h.answer(kOkHead);
         h.end_with(kAnswer);
     }},
    {"streamed to the end",
     {How::kAnswered},
     [](Budgeted& h) {
         begin_stream(h);
         h.end_with(kText + kFinish);
     }},
    {"broken off by the provider",
     {How::kInterrupted},
     [](Budgeted& h) {
         begin_stream(h);
         h.exchange->on_payload(kText, test_now());
         fails(h, Outcome::kBroken);
     }},
    {"left by the client after the usage was told",
     {How::kClientGone},
     [](Budgeted& h) {
         begin_stream(h);
         h.exchange->on_payload(
             "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}],\"usage\":"
             "{\"prompt_tokens\":4,\"completion_tokens\":1,\"total_tokens\":5}}\n\n",
             test_now());
         leaves(h);
         h.exchange->give_up(test_now());
     }},
    {"left by the client, and given up",
     {How::kUnknown},
     [](Budgeted& h) {
         h.post(kChat);
         ready(h);
         leaves(h);
         h.exchange->give_up(test_now());
     }},
    {"gone with its worker",
     {How::kClientGone},
     [](Budgeted& h) {
         begin_stream(h);
         h.exchange->on_payload(kText, test_now());
         h.exchange.reset();
     }},
};

TEST(UsageEvents, AddUpToWhatHardBudgetsAreCharged) {
    for (const Way& way : kWays) {
        SCOPED_TRACE(way.name);
        Budgeted house(900'000);
        way.walk(house);
        house.exchange.reset();
        std::vector<How> outcomes;
        MicroUsd charged;
        for (const Event& event : house.events()) {
            outcomes.push_back(event.outcome);
            charged += event.charged;
        }
        EXPECT_EQ(outcomes, way.outcomes);
        EXPECT_EQ(charged, house.team->spent());
        EXPECT_EQ(charged, house.org->spent());
        EXPECT_EQ(house.team->reserved().value, 0);
    }
}

TEST(UsageEvents, SayWhenABudgetEndedTheAnswer) {
    Budgeted house(kStreamWorst);
    begin_stream(house);
    Next next = Next::kWait;
    for (int i = 0; i < 2 * kLongest && next == Next::kWait; ++i) {
        next = house.exchange->on_payload(kText, test_now());
    }
    ASSERT_EQ(next, Next::kDone);
    const auto events = house.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events.front().outcome, How::kCut);
    EXPECT_EQ(events.front().charged, house.team->spent());
}

}  // namespace
}  // namespace vidai::node::exchange
