// SPDX-License-Identifier: Apache-2.0
// What prices do to a request under hard budgets: it is refused where nobody knows one, its answer
// is bounded to what can be paid for, and a stream that goes beyond is ended.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/node/exchange/budgeted.h"

namespace vidai::node::exchange {
namespace {

TEST(PricedBudgets, RefuseAModelOfWhichNobodyKnowsThePrice) {
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

TEST(PricedBudgets, RefuseARequestThatNothingBounds) {
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

TEST(PricedBudgets, LetWhatIsFreePassWhateverIsAsked) {
    Budgeted house(0, {price_of(0, 0, 0), price_of(0, 0, 0)});
    house.set_state(BudgetEntry::State::kExhausted);
    EXPECT_EQ(house.post(R"({"model":"fast","messages":[{"role":"user","content":"x"}],)"
                         R"("web_search_options":{}})"),
              Next::kCall);
}

TEST(PricedBudgets, ThatOnlyWatchRefuseNoModelWithoutAPrice) {
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
TEST(PricedBudgets, ReserveAndChargeAtThePriceOfTheRequestsTime) {
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

TEST(PricedBudgets, BoundAnAnswerToWhatTheyCanPayForWhereTheClientDoesNot) {
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

TEST(PricedBudgets, BoundNoAnswerThatTheClientHasBoundedOrThatWouldBeOfNoUse) {
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

TEST(PricedBudgets, BoundAnAnswerToWhatIsHereOnceWaitingWasInVain) {
    Budgeted house(1'000);
    ASSERT_EQ(house.post(kChat), Next::kPark) << "its owner may have more";
    ASSERT_EQ(house.exchange->resume(test_now(), Patience::kIsOver), Next::kCall);
    EXPECT_LE(house.team->reserved().value, 1'000);
    EXPECT_GT(house.team->reserved().value, 998);
}

TEST(PricedBudgets, SendNoBoundWhereTheyCanPayForTheLongestAnswer) {
    Budgeted house(kWorst);
    ASSERT_EQ(house.post(kChat), Next::kCall);
    EXPECT_EQ(house.exchange->on_ready(false, test_now()).find("max_completion_tokens"),
              std::string_view::npos);
    house.answer(kOkHead);
    house.end_with(kAnswer);
    EXPECT_EQ(house.out.find("x-vidai-max"), std::string::npos);
}

constexpr std::string_view kThreeTokens =
    R"({"model":"fast","stream":true,"stream_options":{"include_usage":true},"max_tokens":3,)"
    R"("messages":[{"role":"user","content":"x"}]})";
constexpr std::string_view kThreeTokensNoUsage = R"({"model":"fast","stream":true,"max_tokens":3,)"
                                                 R"("messages":[{"role":"user","content":"x"}]})";
std::string piece(const std::string& text, const std::string& finish = "null") {
    return R"(data: {"id":"c-1","object":"chat.completion.chunk","created":7,"model":"model-a",)"
           R"("choices":[{"index":0,"delta":{"content":")" +
           text + R"("},"finish_reason":)" + finish + "}]}\n\n";
}

TEST(PricedBudgets, EndAStreamThatPassesWhatWasReservedAsItsProviderShouldHave) {
    Budgeted house(kWorst);
    ASSERT_EQ(house.post(kThreeTokens), Next::kCall);
    const std::int64_t reserved = house.team->reserved().value;
    EXPECT_EQ(reserved, static_cast<std::int64_t>(kThreeTokens.size()) + 2 * 3);
    ready(house);
    house.answer(kStreamHead);
    ASSERT_EQ(house.exchange->on_payload(piece("a") + piece("b"), test_now()), Next::kWait);
    ASSERT_EQ(house.exchange->on_payload(piece("c") + piece("too much"), test_now()), Next::kDone);
    EXPECT_NE(house.out.find(R"("content":"c")"), std::string::npos);
    EXPECT_EQ(house.out.find("too much"), std::string::npos) << house.out;
    const std::string head = R"(data: {"id":"c-1","object":"chat.completion.chunk","created":7,)"
                             R"("model":"model-a",)";
    const std::size_t end =
        house.out.find(head + R"("choices":[{"index":0,"delta":{},"finish_reason":"length"}]})" +
                       "\n\n" + head + R"("choices":[],"usage":{"prompt_tokens":)");
    ASSERT_NE(end, std::string::npos) << house.out;
    EXPECT_TRUE(house.out.ends_with("}}\n\ndata: [DONE]\n\n\r\n0\r\n\r\n")) << house.out;
    EXPECT_TRUE(house.exchange->keep_alive());
    EXPECT_EQ(house.team->spent().value, reserved) << "the provider goes on for a while";
    EXPECT_EQ(house.counted().cuts.get(), 1U);
    EXPECT_EQ(house.counted().overruns.get(), 0U);
    house.exchange->finish(test_now());
    EXPECT_NE(house.logged().find("\"event\":\"budget.cut\""), std::string::npos);
    EXPECT_EQ(house.metrics->streams.get(), 0U);
}

TEST(PricedBudgets, CutNoStreamThatKeepsToItsBound) {
    Budgeted house(kWorst);
    ASSERT_EQ(house.post(kThreeTokens), Next::kCall);
    ready(house);
    house.answer(kStreamHead);
    EXPECT_EQ(house.end_with(piece("a") + piece("b") + piece("c") + piece("", "\"length\"") +
                             "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":4,"
                             "\"completion_tokens\":3,\"total_tokens\":7}}\n\ndata: [DONE]\n\n"),
              Next::kDone);
    EXPECT_EQ(house.counted().cuts.get(), 0U);
    EXPECT_EQ(house.team->spent().value, 4 + 2 * 3);
}

// Many tokens in a piece, and many bytes in a token: words of ten letters, a run of dashes.
TEST(PricedBudgets, CutAStreamByItsBytesOnlyWhereNoTokenIsAsLong) {
    Budgeted house(kWorst);
    ASSERT_EQ(house.post(kThreeTokens), Next::kCall);
    ready(house);
    house.answer(kStreamHead);
    ASSERT_EQ(house.exchange->on_payload(piece(std::string(3 * 128, '-')), test_now()),
              Next::kWait);
    EXPECT_EQ(house.exchange->on_payload(piece(std::string(128, '-')), test_now()), Next::kDone);
    EXPECT_EQ(house.counted().cuts.get(), 1U);
}

TEST(PricedBudgets, CutAStreamByWhatItsProviderCounts) {
    Budgeted house(kWorst);
    ASSERT_EQ(house.post(kThreeTokens), Next::kCall);
    ready(house);
    house.answer(kStreamHead);
    EXPECT_EQ(house.exchange->on_payload(
                  "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}],\"usage\":"
                  "{\"prompt_tokens\":4,\"completion_tokens\":4,\"total_tokens\":8}}\n\n",
                  test_now()),
              Next::kDone);
    EXPECT_EQ(house.counted().cuts.get(), 1U);
    EXPECT_EQ(house.team->spent().value, 4 + 2 * 4);
}

// The whole answer is there when its usage says so; all that is left to do is to pay.
TEST(PricedBudgets, CutNoStreamThatHasEndedAlready) {
    for (const std::string_view body : {kThreeTokens, kThreeTokensNoUsage}) {
        Budgeted house(kWorst);
        ASSERT_EQ(house.post(body), Next::kCall);
        ready(house);
        house.answer(kStreamHead);
        const std::string used = std::to_string(2 * kThreeTokens.size());
        EXPECT_EQ(house.end_with(piece("a") + piece("", "\"stop\"") +
                                 "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":4,"
                                 "\"completion_tokens\":" +
                                 used + "}}\n\ndata: [DONE]\n\n"),
                  Next::kDone);
        EXPECT_TRUE(house.out.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n")) << house.out;
        EXPECT_EQ(house.out.find("length\"}]"), std::string::npos) << house.out;
        EXPECT_EQ(house.counted().cuts.get(), 0U);
        EXPECT_EQ(house.counted().overruns.get(), 1U);
        EXPECT_EQ(house.team->spent().value,
                  4 + 4 * static_cast<std::int64_t>(kThreeTokens.size()));
    }
}

}  // namespace
}  // namespace vidai::node::exchange
