// SPDX-License-Identifier: Apache-2.0
#include "node/observe/log_line.h"

#include <limits>
#include <optional>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace vidai::node::observe {
namespace {

using nlohmann::json;

constexpr WallTime kNow{std::chrono::milliseconds(1'795'329'000'007)};  // 2026-11-22 06:30:00 UTC

std::string as_json(std::vector<LogField> fields, std::uint64_t suppressed = 0) {
    return json_line(kNow, event_info(Event::kNodeStarted), fields, suppressed);
}
std::string as_text(std::vector<LogField> fields) {
    return text_line(kNow, event_info(Event::kNodeStarted), fields, 0);
}

TEST(JsonLine, HasTimeLevelEventThenFieldsInOrder) {
    EXPECT_EQ(as_json({{"port", 8080}, {"tls", false}, {"node", "n-1"}, {"rate", 0.5}}),
              "{\"ts\":\"2026-11-22T06:30:00.007Z\",\"level\":\"info\",\"event\":\"node.started\","
              "\"port\":8080,\"tls\":false,\"node\":\"n-1\",\"rate\":0.5}\n");
    EXPECT_TRUE(as_json({}, 7).ends_with("\"suppressed\":7}\n"));
}

TEST(JsonLine, StaysOneLineOfJsonWhateverAValueHolds) {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    for (const std::string& value :
         {bytes, std::string("\"},{\"level\":\"error"), std::string("a\nb\r\n"),
          std::string("\xC0\x80\xED\xA0\x80\xF4\x90\x80\x80\xE2\x82"),
          std::string("gr\xC3\xBC\xC3\x9F")}) {
        const std::string line = as_json({{"v", value}});
        EXPECT_EQ(line.find('\n'), line.size() - 1);
        const json parsed = json::parse(line);  // throws on bad UTF-8
        EXPECT_EQ(parsed["level"], "info");
    }
    EXPECT_EQ(json::parse(as_json({{"v", "gr\xC3\xBC\xC3\x9F \"x\"\t"}}))["v"],
              "gr\xC3\xBC\xC3\x9F \"x\"\t");
}

TEST(JsonLine, KeepsTheExtremesOfNumbers) {
    const json parsed = json::parse(as_json({{"min", std::numeric_limits<std::int64_t>::min()},
                                             {"max", std::numeric_limits<std::uint64_t>::max()},
                                             {"nan", std::numeric_limits<double>::quiet_NaN()}}));
    EXPECT_EQ(parsed["min"], std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(parsed["max"], std::numeric_limits<std::uint64_t>::max());
    EXPECT_TRUE(parsed["nan"].is_null());
}

TEST(JsonLine, CutsALongValueAndALongLine) {
    const std::string huge(1'000'000, '\x01');
    const std::string line =
        as_json({{"a", huge}, {"b", huge}, {"c", huge}, {"d", huge}, {"e", huge}, {"f", huge}});
    EXPECT_LT(line.size(), 2 * kLogLineBytesMax);
    const json parsed = json::parse(line);
    EXPECT_TRUE(parsed["a"].get<std::string>().ends_with("..."));
}

TEST(Line, NeverShowsASecret) {
    const Secret secret(std::string("canary"));
    EXPECT_EQ(as_json({{"k", secret}}).find("canary"), std::string::npos);
    EXPECT_NE(as_json({{"k", secret}}).find("\"k\":\"***\""), std::string::npos);
    EXPECT_NE(as_text({{"k", secret}}).find("k=***"), std::string::npos);
}

TEST(TextLine, IsForEyesAndStillOneLine) {
    EXPECT_EQ(as_text({{"port", 8080}, {"node", "n-1"}, {"why", "two words"}}),
              "06:30:00.007 INFO  node.started port=8080 node=n-1 why=\"two words\"\n");
    EXPECT_EQ(as_text({{"evil", "a\n\x1b[31m=\""}}),
              "06:30:00.007 INFO  node.started evil=\"a\\u000a\\u001b[31m=\\\"\"\n");
}

TEST(Line, LeavesOutWhatIsAbsentOrEmpty) {
    const std::optional<int> none;
    const std::optional<int> seven = 7;
    const std::vector<LogField> fields = {{"a", ""}, {"b", std::nullopt}, {"c", none}, {"d", seven},
                                          {"e", 0},  {"f", false}};
    EXPECT_TRUE(as_json(fields).ends_with("\"node.started\",\"d\":7,\"e\":0,\"f\":false}\n"));
    EXPECT_TRUE(as_text(fields).ends_with("node.started d=7 e=0 f=false\n"));
}

TEST(Events, HaveFieldsOfTheirOwn) {
    const EventInfo& started = event_info(Event::kNodeStarted);
    EXPECT_TRUE(has_field(started, "node"));
    EXPECT_TRUE(has_field(started, "tls"));
    for (const std::string_view no : {"", "port", "nod", "node,", "tls2"}) {
        EXPECT_FALSE(has_field(started, no)) << no;
    }
}

TEST(Events, HaveNamesOfTheirOwnAndWords) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < kEventCount; ++i) {
        const EventInfo& info = event_info(static_cast<Event>(i));
        EXPECT_TRUE(names.insert(info.name).second) << info.name;
        EXPECT_NE(info.name.find('.'), std::string_view::npos) << info.name;
        EXPECT_FALSE(info.doc.empty()) << info.name;
    }
}

}  // namespace
}  // namespace vidai::node::observe
