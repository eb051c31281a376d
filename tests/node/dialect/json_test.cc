// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "node/dialect/json/names.h"
#include "node/dialect/json/scanner.h"
#include "node/dialect/json/text.h"
#include "schema/base/rng.h"

namespace vidai::node::dialect::json {
namespace {

bool accepts(std::string_view text) {
    Scanner in(text);
    return in.skip() && in.finish();
}

TEST(Scanner, AcceptsEveryKindOfValue) {
    for (const char* text : {"{}", "[]", "\"\"", "0", "-0", "1.5e+10", "1E-2", "true", "false",
                             "null", " [1 , 2]\n", R"({"a":{"b":[{},[],""]},"c":null})",
                             R"("\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00")", "\"\xc3\xa9\""}) {
        EXPECT_TRUE(accepts(text)) << text;
    }
}

TEST(Scanner, RefusesWhatIsNotJson) {
    for (const char* text : {"",        " ",         "{",           "}",          "[",
                             "]",       "{]",        "[}",          "[1,]",       "[,1]",
                             "[1 2]",   "{\"a\"}",   "{\"a\":}",    "{\"a\":1,}", "{,\"a\":1}",
                             "{a:1}",   "{'a':1}",   "{\"a\" 1}",   "01",         "-",
                             "1.",      ".5",        "1e",          "1e+",        "+1",
                             "0x1",     "1a",        "tru",         "True",       "nul",
                             "nulll",   "NaN",       "Infinity",    "\"",         "\"\\\"",
                             "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"a\nb\"",   "\"a\tb\"",
                             "[1]]",    "{}{}",      "{} x",        "[1]//c",     "\xef\xbb\xbf{}",
                             "\"a\"b",  "1\"a\"",    "[1:2]",       "{\"a\",1}"}) {
        EXPECT_FALSE(accepts(text)) << text;
    }
    EXPECT_FALSE(accepts(std::string_view("\"a\0b\"", 5)));
    EXPECT_FALSE(accepts(std::string_view("{}\0", 3)));
}

TEST(Scanner, BoundsTheDepth) {
    const auto nested = [](int depth) {
        return std::string(static_cast<std::size_t>(depth), '[') +
               std::string(static_cast<std::size_t>(depth), ']');
    };
    EXPECT_TRUE(accepts(nested(kDepthMax)));
    EXPECT_FALSE(accepts(nested(kDepthMax + 1)));
    const std::string within = R"({"a":)" + nested(kDepthMax) + "}";
    EXPECT_FALSE(accepts(within));
    Scanner in(within);
    std::string_view key;
    ASSERT_TRUE(in.begin_object());
    ASSERT_TRUE(in.next_member(key));
    EXPECT_FALSE(in.skip());
}

TEST(Scanner, GivesRawTextAndOffsets) {
    Scanner in(R"( { "a\"b" : "x\n" , "n":-12.5 ,"o":[ 1,{} ]} )");
    std::string_view key;
    std::string_view raw;
    ASSERT_TRUE(in.begin_object());
    ASSERT_TRUE(in.next_member(key));
    EXPECT_EQ(key, R"(a\"b)");
    ASSERT_EQ(in.peek(), Kind::kString);
    EXPECT_EQ(in.offset(), 12U);
    ASSERT_TRUE(in.read_string(raw));
    EXPECT_EQ(raw, R"(x\n)");
    ASSERT_TRUE(in.next_member(key));
    ASSERT_TRUE(in.read_number(raw));
    EXPECT_EQ(raw, "-12.5");
    ASSERT_TRUE(in.next_member(key));
    ASSERT_TRUE(in.begin_array());
    ASSERT_TRUE(in.next_element());
    ASSERT_TRUE(in.skip());
    ASSERT_TRUE(in.next_element());
    ASSERT_EQ(in.peek(), Kind::kObject);
    ASSERT_TRUE(in.skip());
    EXPECT_FALSE(in.next_element());
    EXPECT_FALSE(in.next_member(key));
    EXPECT_TRUE(in.finish());
}

TEST(Scanner, KeepsTheFirstMistake) {
    Scanner in(R"({"a":tru})");
    std::string_view key;
    ASSERT_TRUE(in.begin_object());
    ASSERT_TRUE(in.next_member(key));
    EXPECT_FALSE(in.skip());
    const std::string problem = in.problem();
    EXPECT_EQ(in.offset(), 5U);
    EXPECT_FALSE(in.next_member(key));
    EXPECT_FALSE(in.begin_object());
    EXPECT_FALSE(in.finish());
    EXPECT_EQ(in.peek(), Kind::kNone);
    EXPECT_EQ(in.problem(), problem);
    EXPECT_EQ(in.offset(), 5U);
}

// It also refuses a number beyond a double (its error 406), which is JSON all the same.
bool other_accepts(const std::string& text) {
    try {
        return !nlohmann::json::parse(text).is_discarded();
    } catch (const nlohmann::json::exception& error) {
        return error.id == 406;
    }
}

// Another parser as the oracle, over mutations of real texts.
TEST(Scanner, AgreesWithAnotherParserAboutWhatIsJson) {
    const std::vector<std::string> seeds = {
        R"({"model":"m","messages":[{"role":"user","content":"a\"b\\ \u00e9 xx"}],"n":1.5e3})",
        R"([true,false,null,-0.5,"",{},[],{"a":[{"b":"c"}]}, 12, "\\\"" ])"};
    constexpr std::string_view kBytes = "{}[]\",:\\ \n0123456789eE+-.truefalsn\tab/u";
    Rng rng(7);
    int accepted = 0;
    for (int round = 0; round < 40'000; ++round) {
        std::string text = seeds[rng.below(seeds.size())];
        for (std::uint64_t edits = 1 + rng.below(3); edits > 0 && !text.empty(); --edits) {
            const std::size_t at = rng.below(text.size());
            const char byte = kBytes[rng.below(kBytes.size())];
            switch (rng.below(3)) {
                case 0:
                    text[at] = byte;
                    break;
                case 1:
                    text.erase(at, 1);
                    break;
                default:
                    text.insert(at, 1, byte);
                    break;
            }
        }
        const bool ours = accepts(text);
        accepted += ours;
        ASSERT_EQ(ours, other_accepts(text)) << text;
    }
    EXPECT_GT(accepted, 1'000);
}

TEST(Text, QuotesWhateverItIsGiven) {
    const auto quoted = [](std::string_view text) {
        std::string out;
        append_quoted(out, text);
        EXPECT_EQ(out.size(), quoted_length(text));
        return out;
    };
    EXPECT_EQ(quoted(""), R"("")");
    EXPECT_EQ(quoted("gpt-4o"), R"("gpt-4o")");
    EXPECT_EQ(quoted("a\"b\\c\n\t\x01\x7f"), R"("a\"b\\c\n\t\u0001\u007f")");
    EXPECT_EQ(quoted("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
              "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
    EXPECT_EQ(quoted("\xff\xc3"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    EXPECT_EQ(quoted("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(Text, UnescapesWhatItQuoted) {
    Rng rng(3);
    for (int round = 0; round < 2'000; ++round) {
        std::string text(rng.below(20), ' ');
        for (char& c : text) c = static_cast<char>(rng.below(128));
        std::string quoted;
        append_quoted(quoted, text);
        std::string back;
        ASSERT_TRUE(append_unescaped(back, std::string_view(quoted).substr(1, quoted.size() - 2)));
        ASSERT_EQ(back, text);
    }
}

TEST(Text, UnescapesSurrogatePairsAndRefusesHalves) {
    std::string out;
    EXPECT_TRUE(append_unescaped(out, R"(\u0041\u00e9\u20ac\ud83d\ude00)"));
    EXPECT_EQ(out, "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    for (const char* half :
         {R"(\ud83d)", R"(\ude00)", R"(\ud83dx)", R"(\ud83d\u0041)", R"(\ud83d\n)"}) {
        EXPECT_FALSE(append_unescaped(out, half)) << half;
    }
}

TEST(Names, AreFoundInEverySpelling) {
    constexpr std::array<std::string_view, 2> kNames = {"model", "max_tokens"};
    EXPECT_EQ(match_name("model", kNames).index, 0);
    EXPECT_FALSE(match_name("model", kNames).disguised);
    EXPECT_EQ(match_name(R"(mod\u0065l)", kNames).index, 0);
    EXPECT_FALSE(match_name(R"(mod\u0065l)", kNames).disguised);
    EXPECT_TRUE(match_name("Model", kNames).disguised);
    EXPECT_TRUE(match_name(R"(\u004dodel)", kNames).disguised);
    EXPECT_TRUE(match_name("max_to\xe2\x84\xaa"
                           "ens",
                           kNames)
                    .disguised);
    EXPECT_EQ(match_name("max_to\xe2\x84\xaa"
                         "en\xc5\xbf",
                         kNames)
                  .index,
              1);
    for (const char* other : {"", "mode", "models", "model ", "max-tokens", R"(\ud800)",
                              "m\xc3\xb6"
                              "del"}) {
        EXPECT_EQ(match_name(other, kNames).index, -1) << other;
    }
}

}  // namespace
}  // namespace vidai::node::dialect::json
