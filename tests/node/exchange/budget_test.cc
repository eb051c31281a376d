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

#include "tests/node/exchange/fixture.h"

namespace vidai::node::exchange {
namespace {

using admit::Patience;
using mesh::budget::Account;
using mesh::budget::Balance;
using mesh::budget::BudgetEntry;
using upstream::Outcome;

// At the first target, of 1 in and 2 out: a token for each byte, and the longest answer. The second
// is free.
constexpr std::int64_t kLongest = 8'192;
constexpr std::int64_t worst_of(std::string_view body) {
    return static_cast<std::int64_t>(body.size()) + 2 * kLongest;
}
constexpr std::int64_t kWorst = worst_of(kChat);
constexpr std::int64_t kStreamWorst = worst_of(kChatStream);

mesh::pricing::Price bounded(mesh::pricing::Price price) {
    price.limits.output_max = {kLongest};
    return price;
}
const std::vector<mesh::pricing::Price> kPrices = {bounded(kOneInTwoOut), price_of(0, 0, 0)};

const std::string kText =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello there\"}}]}\n\n";

// Under one budget of the team and one of the organisation.
struct Budgeted : House {
    explicit Budgeted(std::int64_t granted,
                      const std::vector<mesh::pricing::Price>& prices = kPrices)
        : House({}, {}, {BudgetId("team"), BudgetId("org")}, prices) {
        team = publish_one("team", granted);
        org = publish_one("org", 1'000'000);
    }
    std::shared_ptr<Account> publish_one(const std::string& id, std::int64_t granted) {
        BudgetEntry entry;
        entry.id = BudgetId(id);
        entry.account = std::make_shared<Account>();
        entry.account->on_grant({granted});
        entry.limit = entry.left = {1'000'000};
        publish(entry);
        return entry.account;
    }
    void set_state(BudgetEntry::State state, std::int64_t left = 0) {
        BudgetEntry entry = *budget_reader->find("team");
        entry.state = state;
        entry.left = {left};
        publish(entry);
    }
    const observe::BudgetMetrics& counted() const { return metrics->budgets; }
    std::shared_ptr<Account> team, org;
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

// The provider may bill the attempt that was lost, and the next one too.
TEST(Budgets, LetNoAttemptBeMadeThatTheyDoNotCover) {
    Budgeted house(2 * kWorst - 1);
    ASSERT_EQ(house.post(kChat), Next::kCall);
    ready(house);
    ASSERT_EQ(house.exchange->on_failed(Outcome::kFirstByteTimeout, test_now()), Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 429 ")) << house.out;
    EXPECT_NE(house.out.find("another attempt"), std::string::npos);
    EXPECT_EQ(house.team->spent().value, kWorst);
    EXPECT_EQ(house.team->reserved().value, 0);
    EXPECT_EQ(house.org->spent().value, kWorst);
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

TEST(Budgets, RefuseAModelOfWhichNobodyKnowsThePrice) {
    // It is the second that has none, and the request may fall back to it.
    Budgeted house(kWorst, {bounded(kOneInTwoOut), {}});
    ASSERT_EQ(house.post(kChat), Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 402 ")) << house.out;
    EXPECT_NE(house.out.find("\"type\":\"budget\",\"param\":\"model\",\"code\":\"price_unknown\""),
              std::string::npos)
        << house.out;
    EXPECT_NE(house.out.find("x-should-retry: false\r\n"), std::string::npos);
    EXPECT_EQ(house.team->balance().reserved.value, 0);
    const auto counted = static_cast<std::size_t>(observe::Refusal::kPriceUnknown);
    EXPECT_EQ(house.metrics->refusals[counted].get(), 1U);
}

TEST(Budgets, RefuseARequestThatNothingBounds) {
    Budgeted house(kWorst);
    ASSERT_EQ(house.post(R"({"model":"fast","messages":[{"role":"user","content":"x"}],)"
                         R"("web_search_options":{}})"),
              Next::kDone);
    EXPECT_TRUE(house.out.starts_with("HTTP/1.1 400 ")) << house.out;
    EXPECT_NE(house.out.find("\"param\":\"web_search_options\",\"code\":\"cost_unbounded\""),
              std::string::npos)
        << house.out;
    Budgeted endless(kWorst, {kOneInTwoOut, price_of(0, 0, 0)});
    ASSERT_EQ(endless.post(kChat), Next::kDone);
    EXPECT_NE(endless.out.find("send max_completion_tokens"), std::string::npos) << endless.out;
    EXPECT_EQ(endless.post(R"({"model":"fast","max_tokens":9,)"
                           R"("messages":[{"role":"user","content":"x"}]})"),
              Next::kCall);
}

TEST(Budgets, LetWhatIsFreePassWhateverIsAsked) {
    Budgeted house(0, {price_of(0, 0, 0), price_of(0, 0, 0)});
    house.set_state(BudgetEntry::State::kExhausted);
    EXPECT_EQ(house.post(R"({"model":"fast","messages":[{"role":"user","content":"x"}],)"
                         R"("web_search_options":{}})"),
              Next::kCall);
}

TEST(Budgets, ThatOnlyWatchRefuseNoModelWithoutAPrice) {
    House house({}, {}, {BudgetId("team")}, {price_of(0, 0, 0), {}});
    BudgetEntry entry;
    entry.id = BudgetId("team");
    entry.account = std::make_shared<Account>();
    entry.enforce = false;
    house.publish(entry);
    ASSERT_EQ(house.post(kChat), Next::kCall);
    ready(house);
    house.answer(kOkHead);
    EXPECT_EQ(house.end_with(kAnswer), Next::kDone);
    EXPECT_EQ(entry.account->balance(), Balance{});
}

// A budget is charged by the price of the time at which its request came.
TEST(Budgets, ReserveAndChargeAtThePriceOfTheRequestsTime) {
    Budgeted house(2 * kWorst);
    mesh::pricing::Price dearer = bounded(kOneInTwoOut);
    dearer.rates.input = dearer.rates.cache_write = {3'000'000};
    route::RouteOptions options;
    options.aliases = {{"fast", {{route::Target{0, "m", 1, {}, {}, 1}}}}};
    options.aliases[0].groups[0][0].prices =
        mesh::pricing::PriceHistory({{WallTime::min(), bounded(kOneInTwoOut)}, {kWall, dearer}});
    auto table = route::RouteTable::make(options, 1);
    house.runtime = std::make_shared<const Runtime>(std::move(*table),
                                                    std::vector<providers::Provider>(1), kWall);
    house.local.emplace(house.runtime);
    ASSERT_EQ(house.post(kChat), Next::kCall);
    EXPECT_EQ(house.team->reserved().value, kWorst + 2 * static_cast<std::int64_t>(kChat.size()));
    ready(house);
    house.answer(kOkHead);
    house.end_with(kAnswer);
    EXPECT_EQ(house.team->spent().value, 3 * 11 + 2 * 3);
}

TEST(Budgets, BoundAnAnswerToWhatTheyCanPayForWhereTheClientDoesNot) {
    const auto input = static_cast<std::int64_t>(kChat.size());
    Budgeted house(input + 2 * 200);
    house.set_state(BudgetEntry::State::kExhausted, input + 2 * 200);
    ASSERT_EQ(house.post(kChat), Next::kCall);
    EXPECT_EQ(house.team->reserved().value, input + 2 * 200);
    EXPECT_EQ(house.counted().clamps.get(), 1U);
    const std::string sent(house.exchange->on_ready(false, test_now()));
    const std::string body = sent.substr(sent.find("\r\n\r\n") + 4);
    EXPECT_TRUE(body.starts_with(R"({"max_completion_tokens":200,"model":"model-a",)")) << body;
    EXPECT_NE(sent.find("content-length: " + std::to_string(body.size()) + "\r\n"),
              std::string::npos);
    house.answer(kOkHead);
    house.end_with(kAnswer);
    EXPECT_NE(house.out.find("\r\nx-vidai-max-completion-tokens: 200\r\n"), std::string::npos)
        << house.out;
    EXPECT_EQ(house.team->spent().value, 17);
}

TEST(Budgets, BoundNoAnswerThatTheClientHasBoundedOrThatWouldBeOfNoUse) {
    const auto input = static_cast<std::int64_t>(kChat.size());
    Budgeted useless(input + 2 * 63);
    useless.set_state(BudgetEntry::State::kExhausted, input + 2 * 63);
    EXPECT_EQ(useless.post(kChat), Next::kDone);
    EXPECT_TRUE(useless.out.starts_with("HTTP/1.1 402 ")) << useless.out;
    Budgeted asked(5'000);
    asked.set_state(BudgetEntry::State::kExhausted, 5'000);
    EXPECT_EQ(asked.post(R"({"model":"fast","max_completion_tokens":4000,)"
                         R"("messages":[{"role":"user","content":"x"}]})"),
              Next::kDone);
    EXPECT_TRUE(asked.out.starts_with("HTTP/1.1 402 ")) << asked.out;
    EXPECT_EQ(asked.counted().clamps.get(), 0U);
}

TEST(Budgets, BoundAnAnswerToWhatIsHereOnceWaitingWasInVain) {
    Budgeted house(1'000);
    ASSERT_EQ(house.post(kChat), Next::kPark) << "its owner may have more";
    ASSERT_EQ(house.exchange->resume(test_now(), Patience::kIsOver), Next::kCall);
    EXPECT_LE(house.team->reserved().value, 1'000);
    EXPECT_GT(house.team->reserved().value, 998);
}

TEST(Budgets, SendNoBoundWhereTheyCanPayForTheLongestAnswer) {
    Budgeted house(kWorst);
    ASSERT_EQ(house.post(kChat), Next::kCall);
    EXPECT_EQ(house.exchange->on_ready(false, test_now()).find("max_completion_tokens"),
              std::string_view::npos);
    house.answer(kOkHead);
    house.end_with(kAnswer);
    EXPECT_EQ(house.out.find("x-vidai-max"), std::string::npos);
}

}  // namespace
}  // namespace vidai::node::exchange
