// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include <gtest/gtest.h>

#include "cli/print/answer.h"
#include "cli/print/text.h"
#include "cli/print/value.h"

namespace vidai::cli::print {
namespace {

Value sample() {
    return {{"text", "a \"b\"\\\n\x01 \u00e9 \xff"},
            {"word", "yes"},
            {"none", Value()},
            {"flag", true},
            {"low", std::numeric_limits<std::int64_t>::min()},
            {"high", std::numeric_limits<std::uint64_t>::max()},
            {"empty", Value::List{}},
            {"list", Value::List{Value("a"), Value::List{Value(1), Value(2)}, {{"k", "v"}}}}};
}

TEST(Json, IsIndentedEscapedAndAlwaysUtf8) {
    EXPECT_EQ(to_json(sample()),
              "{\n"
              "  \"text\": \"a \\\"b\\\"\\\\\\u000a\\u0001 \u00e9 \uFFFD\",\n"
              "  \"word\": \"yes\",\n"
              "  \"none\": null,\n"
              "  \"flag\": true,\n"
              "  \"low\": -9223372036854775808,\n"
              "  \"high\": 18446744073709551615,\n"
              "  \"empty\": [],\n"
              "  \"list\": [\n"
              "    \"a\",\n"
              "    [\n"
              "      1,\n"
              "      2\n"
              "    ],\n"
              "    {\n"
              "      \"k\": \"v\"\n"
              "    }\n"
              "  ]\n"
              "}\n");
}

TEST(Yaml, QuotesWhatWouldNotBeReadAsText) {
    EXPECT_EQ(to_yaml(sample()),
              "text: \"a \\\"b\\\"\\\\\\u000a\\u0001 \u00e9 \uFFFD\"\n"
              "word: \"yes\"\n"
              "none: null\n"
              "flag: true\n"
              "low: -9223372036854775808\n"
              "high: 18446744073709551615\n"
              "empty: []\n"
              "list:\n"
              "  - a\n"
              "  - - 1\n"
              "    - 2\n"
              "  - k: v\n");
}

Answer table() {
    Answer answer;
    answer.table.columns = {{"NAME"}, {"COUNT", false, true}, {"MORE", true}, {"STATUS"}};
    answer.table.rows = {{{"a"}, {"7"}, {"x"}, {"up", Tone::kGood}},
                         {{"caf\u00e9 long"}, {"12345678"}, {"y"}, {""}}};
    return answer;
}

TEST(Table, IsAlignedByCharactersWithoutTrailingBlanks) {
    EXPECT_EQ(render(table(), {}),
              "NAME          COUNT  STATUS\n"
              "a                 7  up\n"
              "caf\u00e9 long  12345678  -\n");
}

TEST(Csv, HasAllColumnsAndQuotesWhatNeedsIt) {
    Answer answer;
    answer.table.columns = {{"NAME"}, {"NOTE", true}, {"COUNT", false, true}};
    answer.table.rows = {
        {{"a,b"}, {"say \"hi\""}, {"7"}}, {{"two\nlines"}, {""}, {"-"}}, {{"=1+2"}, {"@x"}, {"0"}}};
    EXPECT_EQ(render(answer, {.output = Output::kCsv}),
              "NAME,NOTE,COUNT\n"
              "\"a,b\",\"say \"\"hi\"\"\",7\n"
              "\"two\nlines\",,-\n"
              "'=1+2,'@x,0\n");
    EXPECT_EQ(render(answer, {.output = Output::kCsv, .headers = false}).find("NAME"),
              std::string::npos);
    answer.table.rows.clear();
    EXPECT_EQ(render(answer, {.output = Output::kCsv}), "NAME,NOTE,COUNT\n") << "also of nothing";
    Answer fields;
    fields.fields = {{"Limit", {"5usd"}}};
    EXPECT_EQ(render(fields, {.output = Output::kCsv}), "Limit:  5usd\n") << "no list, as table";
}

TEST(Table, ShowsMoreWhenWideAndNoTitlesWhenAsked) {
    EXPECT_EQ(render(table(), {.output = Output::kWide, .headers = false}),
              "a                 7  x  up\n"
              "caf\u00e9 long  12345678  y  -\n");
}

TEST(Table, IsColouredOnlyWhenToldSo) {
    EXPECT_NE(render(table(), {.color = true}).find("\033[32mup\033[0m"), std::string::npos);
    EXPECT_EQ(render(table(), {}).find('\033'), std::string::npos);
}

TEST(Printable, LetsNoTextSteerTheTerminal) {
    EXPECT_EQ(printable("a\033[2Jb\n\x7f"), "a\\x1b[2Jb\\x0a\\x7f");
    EXPECT_EQ(printable("\u009b2J \u00e9 \U0001F600"), "\\xc2\\x9b2J \u00e9 \U0001F600");
    EXPECT_EQ(printable("\xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80"),
              "\\xc0\\x80 \\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80");
}

TEST(Times, AreShortForPeopleAndExactForPrograms) {
    using namespace std::chrono_literals;
    const WallTime now(1'795'331'766'123ms);
    EXPECT_EQ(time_text(now), "2026-11-22T07:16:06.123Z");
    EXPECT_EQ(time_text(WallTime(951'782'400'000ms)), "2000-02-29T00:00:00.000Z");
    EXPECT_EQ(age_text(now, now - 59s), "59s");
    EXPECT_EQ(age_text(now, now - 60s), "1m");
    EXPECT_EQ(age_text(now, now - 47h), "47h");
    EXPECT_EQ(age_text(now, now - 48h), "2d");
    EXPECT_EQ(age_text(now, now + 1h), "0s");  // their clock is ahead of ours
    EXPECT_EQ(age_text(now, WallTime{}), "-");
    EXPECT_EQ(rtt_text(412us), "412us");
    EXPECT_EQ(rtt_text(3'140us), "3.1ms");
    EXPECT_EQ(rtt_text(std::nullopt), "-");
}

TEST(Money, IsExactToTheMicroDollar) {
    EXPECT_EQ(usd_text({1'234}), "$0.001234");
    EXPECT_EQ(usd_text({-12'000'001}), "-$12.000001");
    EXPECT_EQ(usd_text({std::numeric_limits<std::int64_t>::min()}), "-$9223372036854.775808");
}

}  // namespace
}  // namespace vidai::cli::print
