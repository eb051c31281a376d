// SPDX-License-Identifier: Apache-2.0
#include "node/http/sse.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace vidai::node::http {
namespace {

struct Events {
    std::vector<std::string> dispatched;  // "name|data" of those that have data
    std::vector<std::string> raw;
    std::string all;  // every raw byte in order
    SseProgress end = SseProgress::kNeedMore;
};

void take(const SseEvent& event, Events& events) {
    events.all += event.raw;
    events.raw.emplace_back(event.raw);
    if (!event.has_data) return;
    events.dispatched.push_back(std::string(event.name) + "|" + std::string(event.data));
}

// Gives each piece from memory of its own that is gone when the next one comes.
Events read(const std::vector<std::string>& pieces, SseScanner scanner = SseScanner()) {
    Events events;
    SseEvent event;
    for (const std::string& piece : pieces) {
        const std::vector<char> memory(piece.begin(), piece.end());
        std::string_view bytes(memory.data(), memory.size());
        while ((events.end = scanner.next(bytes, event)) == SseProgress::kEvent) {
            take(event, events);
        }
        if (events.end == SseProgress::kError) return events;
        EXPECT_TRUE(bytes.empty());
    }
    if (scanner.finish(event) == SseProgress::kEvent) take(event, events);
    EXPECT_EQ(scanner.finish(event), SseProgress::kNeedMore);
    return events;
}

std::vector<std::string> cut(const std::string& text, std::size_t step) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += step) pieces.push_back(text.substr(at, step));
    return pieces;
}

struct Case {
    std::string stream;
    std::vector<std::string> dispatched;
};

std::vector<Case> cases() {
    return {
        {"", {}},
        {"data: a\n\n", {"|a"}},
        {"data:a\n\ndata:  b \n\n", {"|a", "| b "}},
        {"data: {\"x\":1}\r\n\r\ndata: [DONE]\r\n\r\n", {"|{\"x\":1}", "|[DONE]"}},
        {"data: a\r\rdata: b\r\r", {"|a", "|b"}},
        {"data: a\n\r\ndata: b\r\n\n", {"|a", "|b"}},
        {"event: ping\ndata: {}\n\n", {"ping|{}"}},
        {"data: x\nevent: one\nevent: two\n\n", {"two|x"}},
        {"event: gone\n\ndata: x\n\n", {"|x"}},
        {"data: a\ndata: b\ndata:\ndata\n\n", {"|a\nb\n\n"}},
        {"data:\ndata: b\r\n\n", {"|\nb"}},
        {"data\n\n", {"|"}},
        {"data:\n\n", {"|"}},
        {": keep-alive\n\ndata: a\n\n", {"|a"}},
        {":\n:\ndata: a\n: in between\ndata: b\n\n", {"|a\nb"}},
        {"id: 7\nretry: 10\ndata: a\nfoo: bar\nfoo\n\n", {"|a"}},
        {"database: x\ndata x\nDATA: x\n data: x\n\n", {}},
        {"eventual: x\nevent\ndata: a\n\n", {"|a"}},
        {"\n\n\r\n\rdata: a\n\n\n\n", {"|a"}},
        {"\xef\xbb\xbf"
         "data: a\n\n",
         {"|a"}},
        {"\xef\xbb\xbf\ndata: a\n\n", {"|a"}},
        {"\xef\xbb\xbf\n\ndata: a\n\n", {"|a"}},
        {"data: a\n\n\xef\xbb\xbf"
         "data: b\n\n",
         {"|a"}},
        {"data: \xe2\x82\xac \xf0\x9f\x98\x80\n\n", {"|\xe2\x82\xac \xf0\x9f\x98\x80"}},
        {std::string("data: a\0b\n\n", 11), {std::string("|a\0b", 4)}},
        {"data: a\n\ndata: [DONE]\n", {"|a", "|[DONE]"}},
        {"data: a\n\ndata: [DONE]", {"|a", "|[DONE]"}},
        {"data: a\ndata: b", {"|a\nb"}},
        {"\xef\xbb\xbf"
         "data: b",
         {"|b"}},
        {"data: a: b\n\n", {"|a: b"}},
        {"data: a line that is longer than sixteen bytes, so that whole blocks are read\n\n",
         {"|a line that is longer than sixteen bytes, so that whole blocks are read"}},
    };
}

TEST(Sse, DispatchesAsTheStandardSaysAndLosesNoByte) {
    for (const Case& c : cases()) {
        const Events events = read({c.stream});
        EXPECT_EQ(events.dispatched, c.dispatched) << c.stream;
        EXPECT_EQ(events.all, c.stream);
    }
}

TEST(Sse, DispatchesTheSameHoweverTheBytesAreSplit) {
    for (const Case& c : cases()) {
        for (std::size_t step = 1; step < 20; ++step) {
            const Events events = read(cut(c.stream, step));
            EXPECT_EQ(events.dispatched, c.dispatched) << c.stream << " in steps of " << step;
            EXPECT_EQ(events.all, c.stream);
        }
        for (std::size_t at = 0; at <= c.stream.size(); ++at) {
            const Events events = read({c.stream.substr(0, at), "", c.stream.substr(at)});
            EXPECT_EQ(events.dispatched, c.dispatched) << c.stream << " cut at " << at;
            EXPECT_EQ(events.all, c.stream);
        }
    }
}

TEST(Sse, RawEventsEndWithTheirEmptyLine) {
    const Events events = read({"data: a\r\n\r\n: hi\n\ndata: b\r\rdata: c\n\n"});
    EXPECT_EQ(events.raw, (std::vector<std::string>{"data: a\r\n\r\n", ": hi\n\n", "data: b\r\r",
                                                    "data: c\n\n"}));
}

TEST(Sse, HandsAnEventOutAtTheCrOfItsEmptyLine) {
    SseScanner scanner;
    SseEvent event;
    std::string_view bytes = "data: a\r\n\r";
    ASSERT_EQ(scanner.next(bytes, event), SseProgress::kEvent);
    EXPECT_EQ(event.data, "a");
    bytes = "\ndata: b\r\n\r\n";
    ASSERT_EQ(scanner.next(bytes, event), SseProgress::kEvent);
    EXPECT_FALSE(event.has_data);
    EXPECT_EQ(event.raw, "\n");
    ASSERT_EQ(scanner.next(bytes, event), SseProgress::kEvent);
    EXPECT_EQ(event.raw, "data: b\r\n\r\n");
}

TEST(Sse, CopiesNoEventThatLiesWholeInTheBytesGiven) {
    const std::string memory = "data: a\n\nevent: x\ndata: b\n\n";
    SseScanner scanner;
    SseEvent event;
    std::string_view bytes = memory;
    ASSERT_EQ(scanner.next(bytes, event), SseProgress::kEvent);
    EXPECT_EQ(event.raw.data(), memory.data());
    EXPECT_EQ(event.data.data(), memory.data() + 6);
    ASSERT_EQ(scanner.next(bytes, event), SseProgress::kEvent);
    EXPECT_EQ(event.raw.data(), memory.data() + 9);
    EXPECT_EQ(scanner.held_bytes(), 0U);
}

TEST(Sse, BoundsTheSizeOfAnEventHoweverItComes) {
    const std::string fits = "data: " + std::string(92, 'x') + "\n\n";
    const std::string large = "data: " + std::string(93, 'x') + "\n\n";
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{200}}) {
        EXPECT_EQ(read(cut(fits + fits, step), SseScanner(100)).dispatched.size(), 2U);
        const Events events = read(cut(fits + large, step), SseScanner(100));
        EXPECT_EQ(events.end, SseProgress::kError) << step;
        EXPECT_EQ(events.dispatched.size(), 1U);
    }
    SseScanner scanner(100);
    SseEvent event;
    const std::string endless(101, 'x');
    std::string_view bytes = endless;
    EXPECT_EQ(scanner.next(bytes, event), SseProgress::kError);
    EXPECT_NE(std::string_view(scanner.error_message()).find("larger"), std::string_view::npos);
    bytes = "data: a\n\n";
    EXPECT_EQ(scanner.next(bytes, event), SseProgress::kError) << "framing is lost for good";
}

TEST(Sse, GivesTheMemoryOfAGiantEventBack) {
    SseScanner scanner;
    SseEvent event;
    const std::string giant = "data: " + std::string(1'000'000, 'x');
    std::string_view bytes = giant;
    EXPECT_EQ(scanner.next(bytes, event), SseProgress::kNeedMore);
    EXPECT_EQ(scanner.held_bytes(), giant.size());
    bytes = "\n\n";
    EXPECT_EQ(scanner.next(bytes, event), SseProgress::kEvent);
    EXPECT_EQ(event.data.size(), 1'000'000U);
    EXPECT_EQ(scanner.held_bytes(), 0U);
    EXPECT_EQ(scanner.next(bytes, event), SseProgress::kNeedMore);
}

}  // namespace
}  // namespace vidai::node::http
