// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/cost.h"

#include <string>

#include <gtest/gtest.h>

#include "node/dialect/openai_chat/request.h"
#include "node/dialect/openai_chat/splice.h"

namespace vidai::node::dialect::openai_chat {
namespace {

using mesh::pricing::ServiceTier;
using request::CostFacts;

std::string body_with(const std::string& more,
                      const std::string& messages = R"([{"role":"user","content":"hi"}])") {
    return R"({"model":"m",)" + more + (more.empty() ? "" : ",") + R"("messages":)" + messages +
           "}";
}

// Keeps the body that the facts point into.
struct Read {
    std::string body;
    CostFacts facts;
    explicit Read(std::string text) : body(std::move(text)) {
        RequestReader reader;
        EXPECT_TRUE(reader.read(body)) << body;
        facts = read_cost_facts(body);
    }
};

CostFacts part(const std::string& text) {
    return Read(body_with("", R"([{"role":"user","content":[)" + text + "]}]")).facts;
}

TEST(CostFacts, OfPlainTextAreItsBytes) {
    const Read read(body_with(R"("temperature":0.5,"stop":["a"],"logit_bias":{"1":2})"));
    EXPECT_EQ(read.facts.text_bytes, static_cast<std::int64_t>(read.body.size()));
    EXPECT_EQ(read.facts.open_ended, "");
    EXPECT_EQ(read.facts.images, 0);
    EXPECT_EQ(read.facts.choices, 1);
    EXPECT_FALSE(read.facts.documents || read.facts.tools || read.facts.audio_output);
    EXPECT_FALSE(read.facts.output_asked);
}

TEST(CostFacts, TakeTheLargerOfTwoLimitsOfOutput) {
    const Read read(body_with(R"("n":3,"max_tokens":9,"max_completion_tokens":7)"));
    EXPECT_EQ(read.facts.output_asked, Tokens{9});
    EXPECT_EQ(read.facts.choices, 3);
    EXPECT_FALSE(Read(body_with(R"("max_tokens":null)")).facts.output_asked);
}

TEST(CostFacts, CountImagesAndLeaveTheirDataOut) {
    const std::string image = R"({"type":"image_url","image_url":{"url":"data:image/png;base64,)" +
                              std::string(5'000, 'A') + "\"}}";
    const std::string messages =
        R"([{"role":"user","content":[{"type":"text","text":"a"},)" + image + "," + image + "]}]";
    const Read read(body_with("", messages));
    EXPECT_EQ(read.facts.images, 2);
    EXPECT_FALSE(read.facts.documents);
    EXPECT_EQ(read.facts.text_bytes,
              static_cast<std::int64_t>(read.body.size() - 2 * image.size()));
}

TEST(CostFacts, TakeAnUnknownPartForADocumentOfAnySize) {
    EXPECT_FALSE(part(R"({"type":"text","text":"a","cache_control":{"type":"x"}})").documents);
    EXPECT_TRUE(part(R"({"type":"input_audio","input_audio":{"data":"x"}})").audio_input);
    for (const char* text : {
             R"({"type":"file","file":{"file_id":"x"}})",
             R"({"type":"text","type":"image_url","image_url":{"url":"x"}})",
             R"({"type":"text","image_url":{"url":"x"}})",
             R"({"type":"text","text":"a","video":{"url":"x"}})",
             R"({"TYPE":"image_url","type":"text","text":"a"})",
             R"({"type":"im\u0061ge_url","image_url":{"url":"x"}})",
             R"({"type":"image_url","image_url":{"url":"x"},"text":"not left out"})",
             R"({"text":"a"})",
         }) {
        EXPECT_TRUE(part(text).documents) << text;
    }
    for (const char* messages : {
             R"([{"role":"assistant","audio":{"id":"stored"}}])",
             R"([{"role":"user","Content":[{"type":"image_url"}]}])",
             R"([{"role":"user","content":{"type":"image_url"}}])",
         }) {
        EXPECT_TRUE(Read(body_with("", messages)).facts.documents) << messages;
    }
    EXPECT_FALSE(Read(body_with("", R"([{"role":"assistant","content":null,"tool_calls":[)"
                                    R"({"id":"1","function":{"name":"f","arguments":"{}"}}]}])"))
                     .facts.documents);
}

TEST(CostFacts, NameTheFieldByWhichTheProviderMayAddToTheBill) {
    const auto open = [](const std::string& more) {
        return std::string(Read(body_with(more)).facts.open_ended);
    };
    EXPECT_EQ(open(R"("web_search_options":{})"), "web_search_options");
    EXPECT_EQ(open(R"("previous_response_id":"r")"), "previous_response_id");
    EXPECT_EQ(open(R"("enable_search":true)"), "enable_search");
    EXPECT_EQ(open(R"("enable_search":false,"conversation":null)"), "");
    EXPECT_EQ(open(R"("plugins":[{"id":"web"}])"), "plugins") << "a structure nobody knows";
    EXPECT_EQ(open(R"("Web_Search_Options":{})"), "Web_Search_Options");
    EXPECT_EQ(open(R"("unknown":1,"other":"text")"), "");
    EXPECT_EQ(open(R"("service_tier":"express")"), "service_tier");
    EXPECT_EQ(open(R"("modalities":["text","image"])"), "modalities");
    EXPECT_EQ(open(R"("tools":[{"type":"web_search"}])"), "tools");
    EXPECT_EQ(open(R"("tools":[{"type":"function","type":"web_search"}])"), "tools");
    EXPECT_EQ(open(R"("tools":["x"])"), "tools");
    EXPECT_EQ(open(R"("tools":[{"type":"function","function":{"name":"f"}}])"), "");
}

TEST(CostFacts, KnowToolsAudioPredictionsAndServiceTiers) {
    EXPECT_TRUE(Read(body_with(R"("tools":[{"type":"function"}])")).facts.tools);
    EXPECT_TRUE(Read(body_with(R"("functions":[{"name":"f"}])")).facts.tools);
    EXPECT_TRUE(Read(body_with(R"("modalities":["text","audio"])")).facts.audio_output);
    EXPECT_FALSE(Read(body_with(R"("modalities":["text"])")).facts.audio_output);
    EXPECT_TRUE(Read(body_with(R"("audio":{"voice":"x"})")).facts.audio_output);
    EXPECT_EQ(Read(body_with(R"("prediction":{"a":1})")).facts.prediction_bytes, 7);
    EXPECT_EQ(Read(body_with(R"("service_tier":"flex")")).facts.service, ServiceTier::kFlex);
    EXPECT_EQ(Read(body_with(R"("service_tier":"priority")")).facts.service,
              ServiceTier::kPriority);
    EXPECT_EQ(Read(body_with(R"("service_tier":"auto")")).facts.service, ServiceTier::kStandard);
}

// A body that has it spliced in is a request of that bound and otherwise the same one.
TEST(OutputLimit, GoesIntoARequestThatHasNone) {
    const char* const kBodies[] = {
        R"({"model":"a","messages":[{"role":"user","content":"x"}]})",
        R"( { "messages":[{"role":"user","content":"x"}],"model":"a"})",
        R"({"model":"a","max_tokens":null,"messages":[{"role":"user","content":"x"}]})",
        R"({"max_completion_tokens":null,"model":"a","messages":[{"role":"user","content":"x"}]})",
        R"({"model":"a","max_completion_tokens": null ,"messages":[{"role":"u","content":"x"}]})",
        R"({"model":"a","messages":[{"role":"u","content":"x"}],"max_completion_tokens":null})",
        R"({"stream":true,"model":"a","messages":[{"role":"u","content":"x"}]})",
        R"({"model":"a","stream":true,"stream_options":{},"max_completion_tokens":null,)"
        R"("messages":[{"role":"u","content":"x"}]})",
        R"({"max_completion_tokens":null,"stream_options":null,"stream":true,)"
        R"("messages":[{"role":"u","content":"x"}],"model":"a"})",
        R"({"stream_options":{"include_usage":false},"stream":true,"model":"a",)"
        R"("max_completion_tokens":null,"messages":[{"role":"u","content":"x"}]})"};
    for (const std::string body : kBodies) {
        RequestReader reader;
        const auto facts = reader.read(body);
        ASSERT_TRUE(facts) << body;
        const request::LimitSplice limit = limit_splice(read_cost_facts(body), Tokens{321});
        std::string out;
        append_spliced(out, body, *facts, "up", &limit);
        EXPECT_EQ(out.size(), spliced_length(body, *facts, "up", &limit)) << out;
        const auto sent = reader.read(out);
        ASSERT_TRUE(sent) << out;
        EXPECT_EQ(sent->model, "up");
        EXPECT_EQ(sent->max_output_tokens, 321);
        EXPECT_EQ(sent->client_wants_usage, sent->stream) << "as asked for by the gateway";
        EXPECT_EQ(sent->input_estimate, facts->input_estimate);
        EXPECT_EQ(read_cost_facts(out).output_asked, Tokens{321});
    }
}

}  // namespace
}  // namespace vidai::node::dialect::openai_chat
