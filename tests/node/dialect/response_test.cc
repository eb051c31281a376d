// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/response.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "node/dialect/json/scanner.h"
#include "node/dialect/openai_chat/error.h"
#include "node/dialect/openai_chat/models.h"
#include "node/dialect/openai_chat/usage.h"
#include "schema/base/rng.h"

namespace vidai::node::dialect::openai_chat {
namespace {

using request::Usage;

std::optional<Usage> usage_of(std::string_view text) {
    json::Scanner in(text);
    std::optional<Usage> usage = read_usage(in);
    EXPECT_TRUE(in.finish()) << text;
    return usage;
}

constexpr std::string_view kHead =
    R"({"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},)"
    R"("finish_reason":"stop"}])";

std::string response(std::string_view rest) {
    return std::string(kHead) + std::string(rest);
}
ResponseFacts facts_of(std::string_view body) {
    const Result<ResponseFacts> facts = read_response(body);
    EXPECT_TRUE(facts) << body;
    return facts.value_or(ResponseFacts{});
}

TEST(Usage, SeparatesCacheReasoningAndAudioFromTheTotals) {
    const auto usage = usage_of(
        R"({"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,)"
        R"("prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":10,"audio_tokens":7},)"
        R"("completion_tokens_details":{"audio_tokens":4,"reasoning_tokens":20}})");
    ASSERT_TRUE(usage);
    EXPECT_EQ(*usage, (Usage{.input_uncached = {23},
                             .cache_read = {60},
                             .cache_write = {10},
                             .output_visible = {26},
                             .reasoning = {20},
                             .audio_input = {7},
                             .audio_output = {4}}));
    EXPECT_EQ(usage->input(), Tokens{100});
    EXPECT_EQ(usage->output(), Tokens{50});
}

TEST(Usage, CutsDetailsToTheirTotal) {
    const auto usage =
        usage_of(R"({"prompt_tokens":10,"completion_tokens":5,)"
                 R"("prompt_tokens_details":{"cached_tokens":99,"cache_write_tokens":7},)"
                 R"("completion_tokens_details":{"reasoning_tokens":6}})");
    ASSERT_TRUE(usage);
    Usage expected;
    expected.cache_read = {10};
    expected.reasoning = {5};
    EXPECT_EQ(*usage, expected);
}

TEST(Usage, TakesAbsurdCountsForAbsent) {
    for (const char* bad : {"-1", "1.5", "1e3", "null", "\"7\"", "99999999999999999999", "[]", "{}",
                            "1000000000001"}) {
        const std::string count(bad);
        EXPECT_FALSE(usage_of(R"({"prompt_tokens":)" + count + R"(,"completion_tokens":1})"))
            << bad;
        const auto usage = usage_of(R"({"prompt_tokens":4,"completion_tokens":1,)"
                                    R"("prompt_tokens_details":{"cached_tokens":)" +
                                    count + "}}");
        ASSERT_TRUE(usage) << bad;
        EXPECT_EQ(usage->cache_read, Tokens{0}) << bad;
    }
}

TEST(Usage, DerivesAMissingOutputFromTheTotal) {
    EXPECT_EQ(usage_of(R"({"prompt_tokens":4,"total_tokens":9})")->output(), Tokens{5});
    EXPECT_FALSE(usage_of(R"({"prompt_tokens":4})"));
    EXPECT_FALSE(usage_of(R"({"prompt_tokens":4,"total_tokens":3})"));
    EXPECT_FALSE(usage_of(R"({"total_tokens":3})"));
    for (const char* none : {"null", "[]", "3", "{}", "\"x\""})
        EXPECT_FALSE(usage_of(none)) << none;
}

TEST(Usage, TakesNullDetails) {
    EXPECT_EQ(usage_of(R"({"prompt_tokens":4,"completion_tokens":5,"prompt_tokens_details":null,)"
                       R"("completion_tokens_details":[1]})")
                  ->total(),
              Tokens{9});
}

TEST(Response, FindsUsageWhereverItStands) {
    for (const std::string& body :
         {response(R"(,"usage":{"prompt_tokens":3,"completion_tokens":2}})"),
          response(R"(,"usage" : {"prompt_tokens":3,"completion_tokens":2} , "x":[{}]} )"),
          response(R"(,"x":1, "usage":{"prompt_tokens":3,"completion_tokens":2},"y":{"usage":1}})"),
          R"({"usage":{"prompt_tokens":3,"completion_tokens":2},)" + std::string(kHead.substr(1)) +
              "}",
          response(R"(,"usage":{"prompt_tokens":3,"completion_tokens":2},"pad":")" +
                   std::string(5'000, 'x') + "\"}")}) {
        const ResponseFacts facts = facts_of(body);
        ASSERT_TRUE(facts.usage) << body;
        EXPECT_EQ(facts.usage->input(), Tokens{3});
        EXPECT_EQ(facts.usage->output(), Tokens{2});
        EXPECT_EQ(facts.content_bytes, 0);
    }
}

TEST(Response, IsNotFooledByUsageThatIsNotItsOwn) {
    const std::string fake = R"("usage":{"prompt_tokens":1,"completion_tokens":1})";
    std::string escaped;
    for (const char c : fake) escaped += c == '"' ? std::string("\\\"") : std::string(1, c);
    for (const std::string& body :
         {response(R"(,"x":"a,)" + escaped + R"("})"), response(R"(,"x":{"a":1,)" + fake + "}}"),
          response(R"(,"x":[{"a":1,)" + fake + "}]}"),
          response(R"(,"x":"\\,)" + escaped + R"(}"})"),
          R"({"choices":[{"message":{"content":"hello","a":1,)" + fake + "}}]}"}) {
        const ResponseFacts facts = facts_of(body);
        EXPECT_FALSE(facts.usage) << body;
        EXPECT_EQ(facts.content_bytes, 5) << body;
    }
    const ResponseFacts both = facts_of(response(
        R"(,"usage":{"prompt_tokens":7,"completion_tokens":7},"x":[{"a":1,)" + fake + "}]}"));
    ASSERT_TRUE(both.usage);
    EXPECT_EQ(both.usage->input(), Tokens{7});
}

TEST(Response, CountsAllThatTheModelWrote) {
    const ResponseFacts facts = facts_of(
        R"({"choices":[{"message":{"content":"12345","reasoning_content":"12","refusal":"1"}},)"
        R"({"message":{"content":[{"type":"text","text":"123"},{"type":"img"},7],"reasoning":"1",)"
        R"("tool_calls":[{"id":"xx","function":{"name":"fn","arguments":"{}"}},null]}},)"
        R"({"message":{"content":null,"function_call":{"name":"a","arguments":"b"}}},null,)"
        R"({"message":[1]}],"usage":null})");
    EXPECT_FALSE(facts.usage);
    EXPECT_EQ(facts.content_bytes, 5 + 2 + 1 + 3 + 1 + 2 + 2 + 1 + 1);
}

TEST(Response, RefusesGarbage) {
    for (const char* body : {"", "null", "[]", "<html>", "{", R"({"choices":[})",
                             R"({"a":1,"usage":{"prompt_tokens":3,"completion_tokens":2})",
                             R"({"a":1,"usage":{"prompt_tokens":3,"completion_tokens":2}}})",
                             R"(x"a":1,"usage":{"prompt_tokens":3,"completion_tokens":2}})"}) {
        const Result<ResponseFacts> facts = read_response(body);
        ASSERT_FALSE(facts) << body;
        EXPECT_EQ(facts.error().code, ErrorCode::kUpstreamInvalid);
    }
}

// Reading from the tail and reading whole must agree on every well-formed body.
TEST(Response, GivesTheUsageThatAWholeParseGives) {
    Rng rng(5);
    const std::array<std::string, 6> members = {
        R"("usage":{"prompt_tokens":1,"completion_tokens":2})",
        R"("usage":null)",
        R"("usage":{"prompt_tokens":"x"})",
        R"("a":{"b":1,"usage":{"prompt_tokens":8,"completion_tokens":8}})",
        R"("a":[1,"usage",",\"usage\":{\"prompt_tokens\":9,)"
        R"(\"completion_tokens\":9}"])",
        R"("usage":{"prompt_tokens":5,"completion_tokens":6,"usage":{"prompt_tokens":0}})"};
    for (int round = 0; round < 5'000; ++round) {
        std::string body = R"({"id":"x")";
        for (std::uint64_t n = rng.below(5); n > 0; --n) body += "," + members[rng.below(6)];
        body += "}";
        const nlohmann::json parsed = nlohmann::json::parse(body);
        const nlohmann::json usage = parsed.value("usage", nlohmann::json());
        const ResponseFacts facts = facts_of(body);
        const bool has = usage.is_object() && usage.contains("completion_tokens");
        ASSERT_EQ(facts.usage.has_value(), has) << body;
        if (has) {
            ASSERT_EQ(facts.usage->input().value, usage["prompt_tokens"]) << body;
        }
    }
}

TEST(Rendering, WritesErrorsAsSdksReadThem) {
    std::string out;
    append_error(out, {.message = "No \"x\"\n", .type = "t", .param = "", .code = "c"});
    EXPECT_EQ(out, R"({"error":{"message":"No \"x\"\n","type":"t","param":null,"code":"c"}})");
    out.clear();
    append_error_event(out, {.message = "m", .type = "t", .param = "p", .code = ""});
    EXPECT_EQ(
        out,
        "data: {\"error\":{\"message\":\"m\",\"type\":\"t\",\"param\":\"p\",\"code\":null}}\n\n");
}

TEST(Rendering, ListsModels) {
    std::string out;
    append_models(out, {});
    EXPECT_EQ(out, R"({"object":"list","data":[]})");
    out.clear();
    const std::array<ModelEntry, 2> models = {ModelEntry{"a\"b", 1, "openai"},
                                              ModelEntry{"c", 0, "x"}};
    append_models(out, models);
    EXPECT_EQ(out, R"({"object":"list","data":[)"
                   R"({"id":"a\"b","object":"model","created":1,"owned_by":"openai"},)"
                   R"({"id":"c","object":"model","created":0,"owned_by":"x"}]})");
}

TEST(Error, IsRecognisedWhenAClientCanReadIt) {
    for (const std::string_view good :
         {R"({"error":{"message":"m","type":null,"param":null,"code":null}})",
          R"( {"x":1,"error":{"code":1,"message":""}} )"}) {
        EXPECT_TRUE(is_error(good)) << good;
    }
    for (const std::string_view bad :
         {"", "<html>not found</html>", "{}", "[]", R"({"error":"model"})", R"({"error":null})",
          R"({"error":{"message":7}})", R"({"error":{"message":"m"})", R"({"message":"m"})",
          "{\"error\":{\"message\":\"\xC0\x80\"}}", R"({"error":{"message":"m"}} x)"}) {
        EXPECT_FALSE(is_error(bad)) << bad;
    }
}

TEST(Response, HearsInWhichServiceTierItWasServed) {
    using mesh::pricing::ServiceTier;
    const auto served = [](const std::string& tier) {
        const auto facts = read_response(
            R"({"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2},"service_tier":)" +
            tier + "}");
        return facts->usage->served;
    };
    EXPECT_EQ(served(R"("flex")"), ServiceTier::kFlex);
    EXPECT_EQ(served(R"("priority")"), ServiceTier::kPriority);
    EXPECT_EQ(served(R"("default")"), ServiceTier::kStandard);
    EXPECT_EQ(served(R"("scale")"), ServiceTier::kStandard);
    EXPECT_EQ(served(R"("batch")"), ServiceTier::kBatch);
    EXPECT_FALSE(served(R"("new")"));
    EXPECT_FALSE(served("null"));
    EXPECT_FALSE(served("7"));
}

}  // namespace
}  // namespace vidai::node::dialect::openai_chat
