// SPDX-License-Identifier: Apache-2.0
// A request under hard budgets: what it reserves, how it waits and is refused, and what its budgets
// are charged on every way out (the table in docs/life-of-a-request.md).
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/node/exchange/budgeted.h"

namespace vidai::node::exchange {
namespace {

const std::string kText =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello there\"}}]}\n\n";

struct Way {
    const char* name;
    bool stream;
    std::int64_t micro_usd;  // charged to each budget
    std::function<void(House&)> walk;
};

const Way kWays[] = {
    {"nobody could be reached", false, 0,
     [](House& h) {
         fails(h, Outcome::kConnectFailed);
         fails(h, Outcome::kResolveFailed);
     }},
    {"the caller left before anything was sent", false, 0, leaves},
    {"cut off before anything was sent", true, 0, [](House& h) { h.exchange.reset(); }},
    {"all refused with a status", false, 0,
     [](House& h) {
         ready(h);
         h.answer(refusal(503));
         ready(h);
         h.answer(refusal(429));
         h.end_with(kRefusal);
     }},
    {"refused, and the next one unreachable", false, 0,
     [](House& h) {
         ready(h);
         h.answer(refusal(503));
         fails(h, Outcome::kConnectFailed);
     }},
    {"the answer never came, but the next one's did", false, kWorst,
     [](House& h) {
         ready(h);
         fails(h, Outcome::kFirstByteTimeout);
         ready(h);
         h.answer(kOkHead);
         h.end_with(kAnswer);
     }},
    {"a stale connection, and a fresh one that answered", false, kWorst + 11 + 2 * 3,
     [](House& h) {
         h.exchange->on_ready(true, test_now());
         fails(h, Outcome::kClosedBeforeFirstByte);
         ready(h);
         h.answer(kOkHead);
         h.end_with(kAnswer);
     }},
    {"garbage", false, kWorst,
     [](House& h) {
         ready(h);
         h.answer(kOkHead);
         h.end_with("{\"choices\": [");
     }},
    {"the caller left before the answer", false, kWorst,
     [](House& h) {
         ready(h);
         leaves(h);
     }},
    {"the caller left before the answer, which came", false, 11 + 2 * 3,
     [](House& h) {
         ready(h);
         leaves(h);
         h.answer(kOkHead);
         h.end_with(kAnswer);
     }},
    {"the caller left, and the provider refused", false, 0,
     [](House& h) {
         ready(h);
         leaves(h);
         h.answer(refusal(400));
         h.end_with(kRefusal);
     }},
    {"the caller left, and the provider failed: no other is asked", false, kWorst,
     [](House& h) {
         ready(h);
         leaves(h);
         EXPECT_EQ(h.exchange->on_failed(Outcome::kFirstByteTimeout, test_now()), Next::kDone);
     }},
    {"the caller left, and no answer came in time", false, kWorst,
     [](House& h) {
         ready(h);
         leaves(h);
         EXPECT_EQ(h.exchange->give_up(test_now()), Next::kDone);
     }},
    {"cut off before the answer", false, kWorst,
     [](House& h) {
         ready(h);
         h.exchange.reset();
     }},
    {"answered", false, 11 + 2 * 3,
     [](House& h) {
         ready(h);
         h.answer(kOkHead);
         h.end_with(kAnswer);
     }},
    {"a stream of which no event came", true, kStreamWorst,
     [](House& h) {
         ready(h);
         leaves(h);
     }},
    {"a stream that the caller left", true, kStreamWorst - 2 * (kLongest - 11 - 4'096),
     [](House& h) {
         ready(h);
         h.answer(kStreamHead);
         h.exchange->on_payload(kText, test_now());
         leaves(h);
     }},
    {"a stream that the caller left before it came, which ended", true, 20 + 2 * 7,
     [](House& h) {
         ready(h);
         leaves(h);
         h.answer(kStreamHead);
         h.end_with(kText +
                    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"
                    "\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":7,"
                    "\"total_tokens\":27}}\n\n");
     }},
    {"a whole answer without usage", false, kWorst,
     [](House& h) {
         ready(h);
         h.answer(kOkHead);
         h.end_with(R"({"choices":[{"index":0,"message":{"content":"Hi"}}]})");
     }},
    {"a whole stream without usage", true, kStreamWorst - 2 * (kLongest - 11 - 4'096),
     [](House& h) {
         ready(h);
         h.answer(kStreamHead);
         h.end_with(kText + "data: [DONE]\n\n");
     }},
    {"a stream that the caller left amid running totals", true, 20 + 2 * (7 + 4'096),
     [](House& h) {
         ready(h);
         h.answer(kStreamHead);
         h.exchange->on_payload(
             "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}],\"usage\":"
             "{\"prompt_tokens\":20,\"completion_tokens\":7,\"total_tokens\":27}}\n\n",
             test_now());
         leaves(h);
     }},
    {"a whole stream with running totals", true, 20 + 2 * 7,
     [](House& h) {
         ready(h);
         h.answer(kStreamHead);
         h.end_with(
             "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},"
             "\"finish_reason\":\"stop\"}],\"usage\":"
             "{\"prompt_tokens\":20,\"completion_tokens\":7,\"total_tokens\":27}}\n\n");
     }},
    {"a stream with its usage, cut off after it", true, 20 + 2 * 7,
     [](House& h) {
         ready(h);
         h.answer(kStreamHead);
         h.exchange->on_payload(
             kText +
                 "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":7,"
                 "\"total_tokens\":27}}\n\n",
             test_now());
         h.exchange.reset();
     }},
};

TEST(Budgets, AreChargedByTheTableOnEveryWayOut) {
    for (const Way& way : kWays) {
        SCOPED_TRACE(way.name);
        Budgeted house(2 * kWorst);
        ASSERT_EQ(house.post(way.stream ? kChatStream : kChat), Next::kCall);
        EXPECT_EQ(house.team->reserved().value, way.stream ? kStreamWorst : kWorst);
        EXPECT_EQ(house.org->reserved().value, way.stream ? kStreamWorst : kWorst);
        way.walk(house);
        house.exchange.reset();
        for (const auto& account : {house.team, house.org}) {
            EXPECT_EQ(account->spent().value, way.micro_usd);
            EXPECT_EQ(account->reserved().value, 0);
            EXPECT_TRUE(account->balance().conserved());
            EXPECT_EQ(account.use_count(), 3) << "the table's, the house's and this loop's";
        }
        EXPECT_EQ(house.counted().spent_micro_usd.get(), static_cast<std::uint64_t>(way.micro_usd));
        EXPECT_EQ(house.counted().hot.get(), 1U);
        EXPECT_EQ(house.counted().overruns.get(), 0U);
    }
}

TEST(Budgets, LetARequestWaitAndGoOnWhenMoneyHasCome) {
    Budgeted house(kWorst - 1);
    ASSERT_EQ(house.post(kChat), Next::kPark);
    EXPECT_TRUE(house.out.empty());
    EXPECT_EQ(house.org->reserved().value, 0) << "nothing is held while waiting";
    EXPECT_EQ(house.counted().waiting.get(), 1U);
    EXPECT_EQ(house.asks.take().at(BudgetId("team")).value, kWorst);
    EXPECT_EQ(house.exchange->resume(test_now(), Patience::kMayWait), Next::kPark) << "not yet";
    house.team->on_grant({kWorst});
    g_now += std::chrono::milliseconds(20);
    ASSERT_EQ(house.exchange->resume(test_now(), Patience::kMayWait), Next::kCall);
    EXPECT_EQ(house.counted().waiting.get(), 0U);
    EXPECT_EQ(house.counted().parked.get(), 1U);
    EXPECT_EQ(house.counted().hot.get(), 0U);
    EXPECT_EQ(house.team->reserved().value, kWorst);
    ready(house);
    house.answer(kOkHead);
    EXPECT_EQ(house.end_with(kAnswer), Next::kDone);
    house.exchange->finish(test_now());
    EXPECT_EQ(house.team->spent().value, 17);
    const std::string log = house.logged();
    EXPECT_NE(log.find("\"budget_wait_us\":20"), std::string::npos) << log;
    EXPECT_NE(log.find("\"charged_micro_usd\":17"), std::string::npos) << log;
    EXPECT_NE(log.find("\"reserved_micro_usd\":" + std::to_string(kWorst)), std::string::npos)
        << log;
}

TEST(Budgets, RefuseWhoHasWaitedInVain) {
    Budgeted house(0);
    ASSERT_EQ(house.post(kChat), Next::kPark);
    ASSERT_EQ(house.exchange->resume(test_now(), Patience::kIsOver), Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 429 ")) << house.out;
    EXPECT_NE(house.out.find("\"code\":\"budget_busy\",\"budget\":\"team\",\"reason\":\"busy\"}"),
              std::string::npos)
        << house.out;
    EXPECT_NE(house.out.find("x-should-retry: true\r\nretry-after: 1\r\n"), std::string::npos);
    EXPECT_EQ(house.counted().waiting.get(), 0U);
    EXPECT_EQ(house.use().in_flight, 0U);
    house.exchange->finish(test_now());
    EXPECT_NE(house.logged().find("\"budget\":\"team\""), std::string::npos);
}

TEST(Budgets, RefuseAtOnceWhereNoWaitingHelps) {
    Budgeted house(0);
    house.set_state(BudgetEntry::State::kExhausted);
    ASSERT_EQ(house.post(kChat), Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 402 ")) << house.out;
    EXPECT_NE(house.out.find("x-should-retry: false\r\n"), std::string::npos);
    EXPECT_EQ(house.out.find("retry-after"), std::string::npos);
    EXPECT_NE(house.out.find("\"type\":\"budget\",\"param\":null,\"code\":\"budget_exhausted\""),
              std::string::npos)
        << house.out;
    house.set_state(BudgetEntry::State::kTakeover);
    ASSERT_EQ(house.post(kChat), Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 503 ")) << house.out;
    EXPECT_NE(house.out.find("\"reason\":\"takeover\""), std::string::npos);
    EXPECT_NE(house.out.find("retry-after: 1\r\n"), std::string::npos);
    EXPECT_EQ(house.counted().parked.get(), 0U);
    const auto count = [&](observe::Refusal why) {
        return house.metrics->refusals[static_cast<std::size_t>(why)].get();
    };
    EXPECT_EQ(count(observe::Refusal::kBudgetExhausted), 1U);
    EXPECT_EQ(count(observe::Refusal::kBudgetUnavailable), 1U);
}

TEST(Budgets, ThatAreOnlyObservedAreCountedWhereTheyWouldRefuse) {
    Budgeted house(0);
    BudgetEntry entry = *house.budget_reader->find("team");
    entry.state = BudgetEntry::State::kExhausted;
    entry.left = {};
    entry.enforce = false;
    house.publish(entry);
    ASSERT_EQ(house.post(kChat), Next::kCall) << house.out;
    EXPECT_EQ(house.counted().would_exhausted.get(), 1U);
    EXPECT_EQ(house.counted().would_busy.get(), 0U);
    EXPECT_EQ(house.team->would_refuse(), 1U);
    EXPECT_EQ(house.org->reserved().value, kWorst);
}

TEST(Budgets, RefuseAKeyUnderABudgetThatNobodyKnows) {
    House house({}, {}, {BudgetId("team")});
    ASSERT_EQ(house.post(kChat), Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 402 ")) << house.out;
    EXPECT_NE(house.out.find("\"code\":\"budget_unknown\""), std::string::npos);
}

TEST(Budgets, FreeWhatACallerWaitedForWhoLeaves) {
    Budgeted house(0);
    ASSERT_EQ(house.post(kChat), Next::kPark);
    EXPECT_EQ(house.metrics->budgets.waiting.get(), 1U);
    leaves(house);
    house.exchange->finish(test_now());
    EXPECT_EQ(house.counted().waiting.get(), 0U);
    ASSERT_EQ(house.post(kChat), Next::kPark);
    house.exchange.reset();
    EXPECT_EQ(house.counted().waiting.get(), 0U);
    EXPECT_EQ(house.team->balance(), Balance{});
    EXPECT_NE(house.logged().find("\"outcome\":\"cancelled\""), std::string::npos);
}

TEST(Budgets, SeeThatAKeyWasRevokedWhileItsRequestWaited) {
    Budgeted house(0);
    ASSERT_EQ(house.post(kChat), Next::kPark);
    house.team->on_grant({kWorst});
    auto entries = std::vector<mesh::state::KeyEntry>(house.reader->entries().begin(),
                                                      house.reader->entries().end());
    entries[0].record.revoked = true;
    house.keys.publish(std::make_shared<const mesh::state::KeyTable>(std::move(entries)));
    house.reader.refresh();
    ASSERT_EQ(house.exchange->resume(test_now(), Patience::kMayWait), Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 401 ")) << house.out;
    EXPECT_EQ(house.team->free().value, kWorst);
    EXPECT_EQ(house.counted().waiting.get(), 0U);
}

const std::vector<mesh::pricing::Price> kBothDear = {bounded(kOneInTwoOut), bounded(kOneInTwoOut)};

// The provider may bill the attempt that was lost, and the next one too. Money for that may be with
// others, so it waits as the first one may have.
TEST(Budgets, AskForMoneyForAnotherAttempt) {
    Budgeted house(2 * kWorst - 1, kBothDear);
    ASSERT_EQ(house.post(kChat), Next::kCall);
    ready(house);
    ASSERT_EQ(house.exchange->on_failed(Outcome::kFirstByteTimeout, test_now()), Next::kPark);
    EXPECT_EQ(house.counted().waiting.get(), 1U);
    EXPECT_EQ(house.team->balance(), (Balance{{2 * kWorst - 1}, {kWorst}, {}, {}, {kWorst - 1}}));
    const auto asked = house.asks.take();
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked.at(BudgetId("team")).value, kWorst);
    ASSERT_EQ(house.exchange->resume(test_now(), Patience::kMayWait), Next::kPark);
    house.team->on_grant({2 * kWorst});
    ASSERT_EQ(house.exchange->resume(test_now(), Patience::kMayWait), Next::kCall);
    EXPECT_EQ(house.counted().waiting.get(), 0U);
    ready(house);
    house.answer(kOkHead);
    house.end_with(kAnswer);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 200 ")) << house.out;
    EXPECT_EQ(house.team->reserved().value, 0);
    EXPECT_GT(house.team->spent().value, kWorst);
    EXPECT_LT(house.team->spent().value, 2 * kWorst);
    EXPECT_EQ(house.org->spent().value, house.team->spent().value);
}

TEST(Budgets, BoundAnotherAttemptByWhatIsLeft) {
    Budgeted house(2 * kWorst - 1, kBothDear);
    ASSERT_EQ(house.post(kChat), Next::kCall);
    ready(house);
    ASSERT_EQ(house.exchange->on_failed(Outcome::kFirstByteTimeout, test_now()), Next::kPark);
    ASSERT_EQ(house.exchange->resume(test_now(), Patience::kIsOver), Next::kCall);
    EXPECT_NE(house.scratch.upstream.find("\"max_completion_tokens\":"), std::string::npos);
    EXPECT_EQ(house.counted().clamps.get(), 1U);
}

TEST(Budgets, LetNoAttemptBeMadeThatTheyDoNotCover) {
    Budgeted house(kWorst + 50, kBothDear);  // for no useful answer
    ASSERT_EQ(house.post(kChat), Next::kCall);
    ready(house);
    ASSERT_EQ(house.exchange->on_failed(Outcome::kFirstByteTimeout, test_now()), Next::kPark);
    ASSERT_EQ(house.exchange->resume(test_now(), Patience::kIsOver), Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 429 ")) << house.out;
    EXPECT_NE(house.out.find("another attempt"), std::string::npos);
    EXPECT_EQ(house.team->spent().value, kWorst);
    EXPECT_EQ(house.team->reserved().value, 0);
    EXPECT_EQ(house.org->spent().value, kWorst);
    house.exchange->finish(test_now());
    EXPECT_NE(house.logged().find("\"charged_micro_usd\":" + std::to_string(kWorst)),
              std::string::npos);
}

// It needs no more than the next target may cost; first it needed what the dearest may.
TEST(Budgets, NeedForAnotherAttemptWhatThatOneMayCost) {
    Budgeted house(kWorst);
    ASSERT_EQ(house.post(kChat), Next::kCall);
    ready(house);
    ASSERT_EQ(house.exchange->on_failed(Outcome::kFirstByteTimeout, test_now()), Next::kCall);
    EXPECT_EQ(house.team->reserved().value + house.team->spent().value, kWorst);
}

TEST(Budgets, ChargeWhatWasLostWhenTheCallerLeavesBeforeAnotherAttempt) {
    Budgeted house(2 * kWorst - 1, kBothDear);
    ASSERT_EQ(house.post(kChat), Next::kCall);
    ready(house);
    ASSERT_EQ(house.exchange->on_failed(Outcome::kFirstByteTimeout, test_now()), Next::kPark);
    ASSERT_EQ(house.exchange->on_client_gone(test_now()), Next::kDone);
    EXPECT_EQ(house.counted().waiting.get(), 0U);
    EXPECT_EQ(house.team->balance(), (Balance{{2 * kWorst - 1}, {kWorst}, {}, {}, {kWorst - 1}}));
}

TEST(Budgets, GetBackWhatAStreamCanNoLongerCost) {
    Budgeted house(kStreamWorst);
    ASSERT_EQ(house.post(kChatStream), Next::kCall);
    ready(house);
    house.answer(kStreamHead);
    house.exchange->on_payload(
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}],\"usage\":"
        "{\"prompt_tokens\":4,\"completion_tokens\":1,\"total_tokens\":5}}\n\n",
        test_now());
    EXPECT_EQ(house.team->reserved().value, 4 + 2 * kLongest) << "a token for each byte no more";
    leaves(house);
    EXPECT_EQ(house.team->reserved().value, 0);
}

// Whoever leaves before an answer begins has not been answered, streamed or not.
TEST(Budgets, CountACallerWhoLeftBeforeTheAnswerBegan) {
    for (const bool stream : {false, true}) {
        SCOPED_TRACE(stream ? "streamed" : "whole");
        Budgeted house(kStreamWorst);
        ASSERT_EQ(house.post(stream ? kChatStream : kChat), Next::kCall);
        ready(house);
        ASSERT_EQ(house.exchange->on_client_gone(test_now()), Next::kWait) << "read on for usage";
        house.answer(stream ? kStreamHead : kOkHead);
        if (stream) {
            house.end_with(
                "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},"
                "\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":"
                "{\"prompt_tokens\":4,\"completion_tokens\":1,\"total_tokens\":5}}\n\n"
                "data: [DONE]\n\n");
        } else {
            house.end_with(kAnswer);
        }
        house.exchange->finish(test_now());
        const std::string log = house.logged();
        EXPECT_NE(log.find("\"status\":499,\"outcome\":\"cancelled\""), std::string::npos) << log;
        EXPECT_EQ(log.find("\"total_us\""), std::string::npos) << "no answer went out";
        EXPECT_LT(house.team->spent().value, 100) << "charged by the usage all the same";
    }
}

TEST(Budgets, SayWhenARequestCostMoreThanWasReserved) {
    Budgeted house(kWorst);
    ASSERT_EQ(house.post(kChat), Next::kCall);
    ready(house);
    house.answer(kOkHead);
    house.end_with(
        R"({"choices":[{"index":0,"message":{"content":"x"}}],"usage":{"prompt_tokens":11,)"
        R"("completion_tokens":30000,"total_tokens":30011}})");
    EXPECT_EQ(house.team->spent().value, 60'011);
    EXPECT_EQ(house.team->free().value, kWorst - 60'011);
    EXPECT_EQ(house.counted().overruns.get(), 1U);
    const std::string log = house.logged();
    EXPECT_NE(log.find("\"event\":\"budget.overrun\""), std::string::npos) << log;
    EXPECT_NE(log.find("\"cost_micro_usd\":60011"), std::string::npos) << log;
}

}  // namespace
}  // namespace vidai::node::exchange
