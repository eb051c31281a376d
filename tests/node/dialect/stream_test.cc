// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/stream.h"

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "node/dialect/openai_chat/cut.h"
#include "schema/base/rng.h"

namespace vidai::node::dialect::openai_chat {
namespace {

std::string chunk(std::string_view delta, std::string_view finish = "null",
                  std::string_view rest = R"(,"usage":null)") {
    return R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m",)"
           R"("choices":[{"index":0,"delta":{)" +
           std::string(delta) + R"(},"finish_reason":)" + std::string(finish) + "}]" +
           std::string(rest) + "}";
}
std::string piece(std::string_view raw) {
    return chunk(R"("content":")" + std::string(raw) + '"');
}

constexpr std::string_view kUsageChunk =
    R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],)"
    R"("usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}})";

// The payloads of a recorded stream, one event a line.
std::vector<std::string> golden(const std::string& name) {
    std::ifstream in(std::string(VIDAI_GOLDEN_DIR) + "/openai_chat/" + name);
    EXPECT_TRUE(in) << name;
    std::vector<std::string> events;
    for (std::string line; std::getline(in, line);) events.push_back(line);
    return events;
}

TEST(Stream, IsFollowedFromFirstChunkToDone) {
    StreamReader reader(false);
    EXPECT_EQ(reader.on_event(chunk(R"("role":"assistant","content":"")")), StreamAction::kForward);
    EXPECT_FALSE(reader.saw_content());
    EXPECT_EQ(reader.on_event(piece("Hel")), StreamAction::kForward);
    EXPECT_TRUE(reader.saw_content());
    EXPECT_EQ(reader.on_event(piece(R"(lo\n)")), StreamAction::kForward);
    EXPECT_FALSE(reader.saw_finish_reason());
    EXPECT_EQ(reader.on_event(chunk("", R"("stop")")), StreamAction::kForward);
    EXPECT_TRUE(reader.saw_finish_reason());
    EXPECT_FALSE(reader.usage());
    EXPECT_EQ(reader.on_event(kUsageChunk), StreamAction::kDrop);
    EXPECT_EQ(reader.on_event("[DONE]"), StreamAction::kDone);
    EXPECT_TRUE(reader.done());
    EXPECT_EQ(reader.on_event(piece("late")), StreamAction::kDrop);
    EXPECT_EQ(reader.content_bytes(), 7);
    ASSERT_TRUE(reader.usage());
    EXPECT_EQ(reader.usage()->input(), Tokens{9});
    EXPECT_EQ(reader.usage()->output(), Tokens{4});
}

TEST(Stream, KeepsTheUsageChunkThatTheClientAskedFor) {
    StreamReader reader(true);
    EXPECT_EQ(reader.on_event(kUsageChunk), StreamAction::kForward);
    EXPECT_TRUE(reader.usage());
}

TEST(Stream, DropsNothingButTheUsageChunk) {
    StreamReader reader(false);
    for (const std::string& event :
         {std::string(R"({"choices":[],"prompt_filter_results":[]})"),
          std::string(R"({"choices":[],"usage":null})"),
          chunk(R"("content":"x")", "null",
                R"(,"usage":{"prompt_tokens":1,"completion_tokens":1})"),
          std::string(R"({"usage":{"prompt_tokens":1,"completion_tokens":1}})"),
          chunk(R"("content":",\"choices\":[],\"usage\":{\"prompt_tokens\":1}")"), std::string(),
          std::string(R"({"choices":null,"usage":{"prompt_tokens":1,"completion_tokens":1}})")}) {
        EXPECT_EQ(reader.on_event(event), StreamAction::kForward) << event;
    }
    EXPECT_EQ(
        reader.on_event(R"({"usage":{"prompt_tokens":2,"completion_tokens":3},"choices":[ ]})"),
        StreamAction::kDrop);
    EXPECT_EQ(reader.usage()->total(), Tokens{5});
}

TEST(Stream, CountsToolArgumentsAndReasoning) {
    StreamReader reader(false);
    reader.on_event(chunk(R"("reasoning_content":"12")"));
    reader.on_event(chunk(R"("tool_calls":[{"index":0,"id":"call_1","type":"function",)"
                          R"("function":{"name":"get","arguments":""}}])"));
    reader.on_event(chunk(R"("tool_calls":[{"index":0,"function":{"arguments":"{}"}}])"));
    reader.on_event(chunk(R"("tool_calls":[{"index":0,"function":{"arguments":"abc"}}])"));
    EXPECT_EQ(reader.content_bytes(), 2 + 3 + 2 + 3);
}

TEST(Stream, ReportsAnErrorInMidStream) {
    StreamReader reader(false);
    EXPECT_EQ(reader.on_event(piece("a")), StreamAction::kForward);
    EXPECT_EQ(reader.on_event(R"({"error":{"message":"overloaded","code":"x"}})"),
              StreamAction::kError);
    EXPECT_EQ(reader.on_event(R"({"choices":[],"error":null})"), StreamAction::kForward);
    EXPECT_EQ(reader.on_event("whatever", "error"), StreamAction::kError);
}

TEST(Stream, ReportsGarbage) {
    for (const char* event : {"garbage", "[]", "null", "{", "{}x", R"({"choices":[})", "[DONE"}) {
        StreamReader reader(false);
        EXPECT_EQ(reader.on_event(event), StreamAction::kInvalid) << event;
    }
}

// A known frame must not let through what a whole scan refuses, nor hide what it would see.
TEST(Stream, ReadsAChunkInAKnownFrameAsItWouldReadItAlone) {
    const std::vector<std::string> pieces = {"a",
                                             R"(\n)",
                                             R"(\")",
                                             R"(a\\)",
                                             R"(\x)",
                                             "\n",
                                             R"(a"b)",
                                             R"(\u00)",
                                             "",
                                             "\xc3\xa9",
                                             std::string(700, 'y'),
                                             R"("},"finish_reason":"stop"}],"x":[{"y":{"z":")",
                                             R"(","refusal":"no)"};
    Rng rng(2);
    for (int round = 0; round < 2'000; ++round) {
        StreamReader warm(false);
        std::int64_t bytes = 0;
        for (int i = 0; i < 6; ++i) {
            std::string event = piece(pieces[rng.below(pieces.size())]);
            if (rng.chance(0.1)) event.insert(rng.below(event.size()), 1, "\"}\\ ,"[rng.below(5)]);
            if (rng.chance(0.1)) event.resize(rng.below(event.size()) + 1);
            StreamReader cold(false);
            const StreamAction alone = cold.on_event(event);
            ASSERT_EQ(warm.on_event(event), alone) << event;
            bytes += cold.content_bytes();
            ASSERT_EQ(warm.content_bytes(), bytes) << event;
            ASSERT_EQ(warm.usage(), cold.usage());
            if (cold.saw_finish_reason()) {
                ASSERT_TRUE(warm.saw_finish_reason()) << event;
            }
        }
    }
}

TEST(Stream, ReadsRecordedStreams) {
    struct Expected {
        const char* file;
        std::int64_t content_bytes;
        std::int64_t input, output;
        int dropped;
    };
    for (const Expected& expected : {Expected{"stream_text.events", 24, 19, 5, 1},
                                     Expected{"stream_tools.events", 30, 82, 17, 1},
                                     Expected{"stream_filtered.events", 5, 6, 2, 0}}) {
        StreamReader reader(false);
        int dropped = 0;
        for (const std::string& event : golden(expected.file)) {
            const StreamAction action = reader.on_event(event);
            ASSERT_NE(action, StreamAction::kInvalid) << event;
            ASSERT_NE(action, StreamAction::kError) << event;
            dropped += action == StreamAction::kDrop;
        }
        EXPECT_TRUE(reader.done()) << expected.file;
        EXPECT_TRUE(reader.saw_finish_reason()) << expected.file;
        EXPECT_EQ(reader.content_bytes(), expected.content_bytes) << expected.file;
        EXPECT_EQ(dropped, expected.dropped) << expected.file;
        ASSERT_TRUE(reader.usage()) << expected.file;
        EXPECT_EQ(reader.usage()->input().value, expected.input) << expected.file;
        EXPECT_EQ(reader.usage()->output().value, expected.output) << expected.file;
    }
}

// What a client reads of a stream that the gateway ends.
TEST(LengthEnd, EndsEachChoiceInTheNameOfTheStreamsOwnChunks) {
    std::string out;
    append_length_end(
        out,
        R"( {"choices":[{"index":0,"delta":{"content":"x"}}] , "id" : "c\"1","model":null,)"
        R"("usage":null,"object":{"odd":1},"created":7})",
        2, std::nullopt);
    EXPECT_EQ(out, R"(data: {"id":"c\"1","model":null,"created":7,"choices":[)"
                   R"({"index":0,"delta":{},"finish_reason":"length"},)"
                   R"({"index":1,"delta":{},"finish_reason":"length"}]})"
                   "\n\ndata: [DONE]\n\n");
}

TEST(LengthEnd, IsAWholeStreamToAReaderWithItsUsage) {
    request::Usage usage;
    usage.input_uncached = {11};
    usage.output_visible = {3};
    std::string out;
    append_length_end(out, R"({"id":"c"})", 1, usage);
    StreamReader reader(true);
    for (std::string_view rest = out; !rest.empty();) {
        const std::size_t end = rest.find("\n\n");
        ASSERT_NE(end, std::string_view::npos) << out;
        ASSERT_TRUE(rest.starts_with("data: ")) << out;
        EXPECT_NE(reader.on_event(rest.substr(6, end - 6)), StreamAction::kInvalid);
        rest.remove_prefix(end + 2);
    }
    EXPECT_TRUE(reader.done());
    EXPECT_TRUE(reader.saw_finish_reason());
    EXPECT_TRUE(reader.usage_final());
    EXPECT_EQ(reader.usage(), usage);
}

TEST(Stream, HearsInWhichServiceTierItIsServed) {
    using mesh::pricing::ServiceTier;
    StreamReader reader(false);
    reader.on_event(chunk(R"("content":"a")", "null", R"(,"service_tier":"flex")"));
    reader.on_event(kUsageChunk);
    ASSERT_TRUE(reader.usage());
    EXPECT_EQ(reader.usage()->served, ServiceTier::kFlex);
    StreamReader later(false);
    later.on_event(kUsageChunk);
    EXPECT_FALSE(later.usage()->served);
    later.on_event(chunk(R"("content":"a")", "null", R"(,"service_tier":"priority")"));
    EXPECT_EQ(later.usage()->served, ServiceTier::kPriority);
}

}  // namespace
}  // namespace vidai::node::dialect::openai_chat
