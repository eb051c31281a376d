// SPDX-License-Identifier: Apache-2.0
#include "node/dialect/openai_chat/request.h"

#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "node/dialect/openai_chat/splice.h"
#include "schema/base/rng.h"

namespace vidai::node::dialect::openai_chat {
namespace {

using request::ChatFacts;
using request::UsageSplice;

// A minimal valid request with `members` in it.
std::string with(std::string_view members) {
    return R"({"model":"m","messages":[{"role":"user","content":"hi"}])" +
           (members.empty() ? "" : "," + std::string(members)) + "}";
}

ChatFacts read_good(RequestReader& reader, std::string_view body) {
    const Result<ChatFacts> facts = reader.read(body);
    EXPECT_TRUE(facts) << body << "\n" << (facts ? "" : facts.error().message);
    return facts.value_or(ChatFacts{});
}
Error read_bad(std::string_view body) {
    RequestReader reader;
    const Result<ChatFacts> facts = reader.read(body);
    EXPECT_FALSE(facts) << body;
    return facts ? Error{} : facts.error();
}
std::string spliced(std::string_view body, std::string_view model = "up") {
    RequestReader reader;
    const ChatFacts facts = read_good(reader, body);
    std::string out = "kept|";
    append_spliced(out, body, facts, model);
    EXPECT_EQ(out.size(), 5 + spliced_length(body, facts, model));
    EXPECT_TRUE(out.starts_with("kept|"));
    return out.substr(5);
}

TEST(Request, GivesTheFacts) {
    RequestReader reader;
    const std::string body =
        R"( {"messages" : [{"role":"user","content":"hello"}], "model" : "gpt-4o",)"
        R"( "max_tokens": 7, "max_completion_tokens":9,"n":2, "stream":true,"temperature":0.5} )";
    const ChatFacts facts = read_good(reader, body);
    EXPECT_EQ(facts.model, "gpt-4o");
    EXPECT_EQ(body.substr(facts.model_value.begin, facts.model_value.end - facts.model_value.begin),
              R"("gpt-4o")");
    EXPECT_TRUE(facts.stream);
    EXPECT_FALSE(facts.client_wants_usage);
    EXPECT_EQ(facts.usage_splice, UsageSplice::kInsertMember);
    EXPECT_EQ(facts.max_output_tokens, 9);
    EXPECT_EQ(facts.choices, 2);
    EXPECT_EQ(facts.input_estimate, Tokens{9});  // 35 bytes of messages
}

TEST(Request, TakesNullForAbsent) {
    RequestReader reader;
    const ChatFacts facts = read_good(
        reader, with(R"("stream":null,"stream_options":null,"max_tokens":null,"n":null)"));
    EXPECT_FALSE(facts.stream);
    EXPECT_EQ(facts.usage_splice, UsageSplice::kNone);
    EXPECT_EQ(facts.max_output_tokens, std::nullopt);
    EXPECT_EQ(facts.choices, 1);
    EXPECT_EQ(
        read_good(reader, with(R"("max_completion_tokens":null,"max_tokens":5)")).max_output_tokens,
        5);
}

TEST(Request, PassesUnknownFieldsUntouched) {
    EXPECT_EQ(spliced(with(R"("api_base":"http://x","base_url":null,"Foo":1,"Foo":{"model":"z"})")),
              R"({"model":"up","messages":[{"role":"user","content":"hi"}],)"
              R"("api_base":"http://x","base_url":null,"Foo":1,"Foo":{"model":"z"}})");
}

TEST(Request, ResolvesEscapesInTheModelAndInFieldNames) {
    RequestReader reader;
    const std::string body =
        R"({"messages":[{}],"mod\u0065l":"gpt\u002d4o\/x\ud83d\ude00","str\u0065am":true})";
    const ChatFacts facts = read_good(reader, body);
    EXPECT_EQ(facts.model, "gpt-4o/x\xf0\x9f\x98\x80");
    EXPECT_TRUE(facts.stream);
    EXPECT_EQ(spliced(body, "a\"b"), R"({"stream_options":{"include_usage":true},"messages":[{}],)"
                                     R"("mod\u0065l":"a\"b","str\u0065am":true})");
}

TEST(Request, WeighsAttachmentsFlat) {
    RequestReader reader;
    const std::string image = R"({"type":"image_url","image_url":{"url":"data:image/png;base64,)" +
                              std::string(400'000, 'A') + R"("}})";
    const ChatFacts facts =
        read_good(reader, R"({"model":"m","messages":[{"role":"user","content":[)" + image + "," +
                              image + "]}]}");
    EXPECT_GE(facts.input_estimate, Tokens{2'000});
    EXPECT_LE(facts.input_estimate, Tokens{2'100});
}

struct BadCase {
    const char* body;
    ErrorCode code;
    const char* param;
};

TEST(Request, NamesTheFieldAtFault) {
    const std::vector<BadCase> cases = {
        {R"({"messages":[{}]})", ErrorCode::kMissingField, "model"},
        {R"({"model":"m"})", ErrorCode::kMissingField, "messages"},
        {R"({"model":null,"messages":[{}]})", ErrorCode::kInvalidRequest, "model"},
        {R"({"model":"","messages":[{}]})", ErrorCode::kInvalidRequest, "model"},
        {R"({"model":["m"],"messages":[{}]})", ErrorCode::kInvalidRequest, "model"},
        {R"({"model":"\ud800","messages":[{}]})", ErrorCode::kInvalidRequest, "model"},
        {R"({"model":"m","messages":[]})", ErrorCode::kInvalidRequest, "messages"},
        {R"({"model":"m","messages":{}})", ErrorCode::kInvalidRequest, "messages"},
        {R"({"model":"m","messages":null})", ErrorCode::kInvalidRequest, "messages"},
        {R"({"model":"m","messages":[{},"hi"]})", ErrorCode::kInvalidRequest, "messages[1]"},
        {R"({"model":"m","messages":[{}],"stream":1})", ErrorCode::kInvalidRequest, "stream"},
        {R"({"model":"m","messages":[{}],"stream":"true"})", ErrorCode::kInvalidRequest, "stream"},
        {R"({"model":"m","messages":[{}],"stream_options":[]})", ErrorCode::kInvalidRequest,
         "stream_options"},
        {R"({"model":"m","messages":[{}],"stream_options":{"include_usage":1}})",
         ErrorCode::kInvalidRequest, "stream_options.include_usage"},
        {R"({"model":"m","messages":[{}],"n":0})", ErrorCode::kInvalidRequest, "n"},
        {R"({"model":"m","messages":[{}],"n":129})", ErrorCode::kInvalidRequest, "n"},
        {R"({"model":"m","messages":[{}],"n":1.0})", ErrorCode::kInvalidRequest, "n"},
        {R"({"model":"m","messages":[{}],"n":"2"})", ErrorCode::kInvalidRequest, "n"},
        {R"({"model":"m","messages":[{}],"max_tokens":0})", ErrorCode::kInvalidRequest,
         "max_tokens"},
        {R"({"model":"m","messages":[{}],"max_tokens":-1})", ErrorCode::kInvalidRequest,
         "max_tokens"},
        {R"({"model":"m","messages":[{}],"max_completion_tokens":1e3})", ErrorCode::kInvalidRequest,
         "max_completion_tokens"},
        {R"({"model":"m","messages":[{}],"max_tokens":99999999999999999999})",
         ErrorCode::kInvalidRequest, "max_tokens"},
    };
    for (const BadCase& bad : cases) {
        const Error error = read_bad(bad.body);
        EXPECT_EQ(error.code, bad.code) << bad.body;
        EXPECT_EQ(error.param, bad.param) << bad.body;
        EXPECT_TRUE(error.message.ends_with(".")) << error.message;
    }
    EXPECT_EQ(read_bad(R"({"messages":[{}],"model":")" + std::string(257, 'x') + "\"}").param,
              "model");
}

TEST(Request, RefusesWhatTwoReadersWouldReadDifferently) {
    for (const char* field :
         {R"("model":"z")", R"("mod\u0065l":"z")", R"("Model":"z")", R"("\u004dodel":"z")",
          R"("MESSAGES":[{}])", R"("messages":[{}])", R"("N":2)", "\"\xc5\xbftream\":true",
          "\"max_to\xe2\x84\xaa"
          "ens\":1",
          R"("n":1,"n":2)", R"("stream":true,"stream":false)", R"("max_tokens":1,"max_tokens":1)",
          R"("stream_options":{},"stream_options":{})",
          R"("stream_options":{"include_usage":true,"include_usage":false})",
          R"("stream_options":{"Include_Usage":true})"}) {
        const Error error = read_bad(with(field));
        EXPECT_EQ(error.code, ErrorCode::kInvalidRequest) << field;
        EXPECT_FALSE(error.param.empty()) << field;
    }
}

TEST(Request, NamesAnEncodingThatIsNotUtf8) {
    using std::string_literals::operator""s;
    EXPECT_NE(read_bad("\xef\xbb\xbf{}").message.find("byte order mark"), std::string::npos);
    for (const std::string& body : {"\xff\xfe{\0}\0"s, "\xfe\xff\0{\0}"s, "\0{\0}"s}) {
        EXPECT_NE(read_bad(body).message.find("UTF-16"), std::string::npos);
    }
}

TEST(Request, RefusesMalformedBodiesWherever) {
    const std::string good = with(R"("stream":true,"stream_options":{"a":[1,{"b":"\u00e9"}]})");
    for (std::size_t length = 0; length < good.size(); ++length) {
        EXPECT_EQ(read_bad(good.substr(0, length)).code, ErrorCode::kInvalidRequest) << length;
    }
    for (const char* body : {"", "[]", "null", "\"x\"", "1", "{}x", "{\"a\":01}"}) {
        EXPECT_EQ(read_bad(body).code, ErrorCode::kInvalidRequest) << body;
    }
    EXPECT_EQ(read_bad(good + "x").code, ErrorCode::kInvalidRequest);
    EXPECT_EQ(read_bad(with("\"x\":\"\xff\"")).code, ErrorCode::kInvalidRequest);
    EXPECT_EQ(read_bad(with("\"x\":" + std::string(200, '[') + std::string(200, ']'))).code,
              ErrorCode::kInvalidRequest);
    EXPECT_EQ(read_bad(R"({"model":"m","messages":[{}],"x":tru})").message,
              "The request body is not valid JSON: true, false or null was expected at byte 33.");
}

TEST(Splice, ReplacesTheModelAlone) {
    EXPECT_EQ(spliced(R"({"messages":[{"content":"\"model\":\"m\""}] ,"model" : "m" , "x":1 })"),
              R"({"messages":[{"content":"\"model\":\"m\""}] ,"model" : "up" , "x":1 })");
    EXPECT_EQ(spliced(with(R"("stream":false,"stream_options":{"include_usage":false})")),
              R"({"model":"up","messages":[{"role":"user","content":"hi"}],)"
              R"("stream":false,"stream_options":{"include_usage":false}})");
}

TEST(Splice, AsksForUsageOnEveryStream) {
    const std::string head = R"({"model":"up","messages":[{"role":"user","content":"hi"}],)";
    const std::vector<std::pair<std::string, std::string>> cases = {
        {R"("stream":true,"stream_options":null)",
         head + R"("stream":true,"stream_options":{"include_usage":true}})"},
        {R"("stream_options":{ } ,"stream":true)",
         head + R"("stream_options":{ "include_usage":true} ,"stream":true})"},
        {R"("stream_options":{ "a":1},"stream":true)",
         head + R"("stream_options":{ "include_usage":true,"a":1},"stream":true})"},
        {R"("stream":true,"stream_options":{"a":1,"include_usage": false})",
         head + R"("stream":true,"stream_options":{"a":1,"include_usage": true}})"},
        {R"("stream":true,"stream_options":{"include_usage":null })",
         head + R"("stream":true,"stream_options":{"include_usage":true }})"},
        {R"("stream":true,"stream_options":{"include_usage":true})",
         head + R"("stream":true,"stream_options":{"include_usage":true}})"},
        {R"("stream":true)",
         R"({"stream_options":{"include_usage":true},)" + head.substr(1) + R"("stream":true})"},
    };
    for (const auto& [members, expected] : cases) EXPECT_EQ(spliced(with(members)), expected);
    EXPECT_EQ(
        spliced(R"({"stream_options":{},"stream":true,"messages":[{}],"model":"m"})"),
        R"({"stream_options":{"include_usage":true},"stream":true,"messages":[{}],"model":"up"})");
}

TEST(Splice, TellsWhetherTheClientAskedForUsage) {
    RequestReader reader;
    EXPECT_TRUE(read_good(reader, with(R"("stream":true,"stream_options":{"include_usage":true})"))
                    .client_wants_usage);
    EXPECT_FALSE(
        read_good(reader, with(R"("stream":true,"stream_options":{"include_usage":false})"))
            .client_wants_usage);
    EXPECT_FALSE(
        read_good(reader, with(R"("stream_options":{"include_usage":true})")).client_wants_usage);
}

// Any order of members, any white space, escapes: the result means the same but for the splices.
TEST(Splice, ChangesNothingElse) {
    Rng rng(11);
    const std::vector<std::string> options = {
        "",
        R"("stream_options":null)",
        R"("stream_options":{})",
        R"("stream_options" : { "x" : [ 1 ] })",
        R"("stream_options":{"include_usage":false,"x":"}"})",
        R"("stream_options":{"x":{"include_usage":false},"include_usage" : null})",
        R"("stream_options":{"include_usage":true})"};
    RequestReader reader;
    for (int round = 0; round < 3'000; ++round) {
        std::vector<std::string> members = {
            R"("model" : "a\\\"b")",
            R"("messages":[ {"content":"\"stream\":true, \"model\":\"q\""} ])",
            R"("tools":[{"function":{"model":"x","stream":null}}])"};
        if (rng.chance(0.7))
            members.emplace_back(rng.chance(0.8) ? "\"stream\":true" : "\"stream\":false");
        if (const std::string& option = options[rng.below(options.size())]; !option.empty()) {
            members.push_back(option);
        }
        for (std::size_t i = members.size(); i > 1; --i) {
            std::swap(members[i - 1], members[rng.below(i)]);
        }
        std::string body = rng.chance(0.3) ? " {\n" : "{";
        for (std::size_t i = 0; i < members.size(); ++i) {
            body += (i == 0 ? "" : rng.chance(0.3) ? " ,\t" : ",") + members[i];
        }
        body += rng.chance(0.3) ? "\r\n}\n" : "}";

        const ChatFacts facts = read_good(reader, body);
        std::string out;
        append_spliced(out, body, facts, "pro/vider \"x\"");
        nlohmann::json expected = nlohmann::json::parse(body);
        expected["model"] = "pro/vider \"x\"";
        if (expected.value("stream", false)) {
            if (!expected["stream_options"].is_object()) {
                expected["stream_options"] = nlohmann::json::object();
            }
            expected["stream_options"]["include_usage"] = true;
        }
        ASSERT_EQ(nlohmann::json::parse(out), expected) << body;
        ASSERT_EQ(out.size(), spliced_length(body, facts, "pro/vider \"x\""));
        RequestReader again;
        ASSERT_EQ(read_good(again, out).usage_splice, UsageSplice::kNone) << out;
    }
}

}  // namespace
}  // namespace vidai::node::dialect::openai_chat
