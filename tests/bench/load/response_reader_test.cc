// SPDX-License-Identifier: Apache-2.0
#include "bench/load/response_reader.h"

#include <gtest/gtest.h>

namespace vidai::bench::load {
namespace {

using State = ResponseReader::State;

constexpr std::string_view kWhole =
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
    "server-timing: auth;dur=0.002, total;dur=0.125;desc=x, upstream;dur=0.1\r\n\r\nhello";
constexpr std::string_view kStream =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    "9\r\ndata: 1\n\n\r\nA\r\ndata: 22\n\n\r\n4\r\ndata\r\n6\r\n: [D]\n\r\n1\r\n\n\r\n0\r\n\r\n";

// Feeds in pieces of that size; the state after the last.
State feed(ResponseReader& reader, std::string_view bytes, std::size_t size) {
    State state = State::kMore;
    while (!bytes.empty()) {
        EXPECT_EQ(state, State::kMore);
        state = reader.feed(bytes.substr(0, size));
        bytes.remove_prefix(std::min(size, bytes.size()));
    }
    return state;
}

TEST(ResponseReader, ReadsAWholeAnswerHoweverItIsCut) {
    for (std::size_t size = 1; size <= kWhole.size(); ++size) {
        ResponseReader reader;
        ASSERT_EQ(feed(reader, kWhole, size), State::kDone) << size;
        EXPECT_EQ(reader.status(), 200);
        EXPECT_EQ(reader.body_bytes(), 5U);
        EXPECT_TRUE(reader.keep_alive());
        ASSERT_TRUE(reader.timing());
        EXPECT_EQ(reader.timing()->total_ns, 125'000U);
        EXPECT_EQ(reader.timing()->upstream_ns, 100'000U);
    }
}

TEST(ResponseReader, CountsEventsOfAStreamHoweverItIsCut) {
    for (std::size_t size = 1; size <= kStream.size(); ++size) {
        ResponseReader reader;
        ASSERT_EQ(feed(reader, kStream, size), State::kDone) << size;
        EXPECT_EQ(reader.events(), 3U) << size;
        EXPECT_EQ(reader.body_bytes(), 9U + 10 + 4 + 6 + 1);
    }
}

TEST(ResponseReader, ReadsOneAfterTheOther) {
    ResponseReader reader;
    EXPECT_EQ(reader.feed(kStream), State::kDone);
    reader.reset();
    EXPECT_EQ(reader.feed("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nConnection: close\r\n\r\n"),
              State::kDone);
    EXPECT_EQ(reader.status(), 503);
    EXPECT_FALSE(reader.keep_alive());
    EXPECT_EQ(reader.events(), 0U);
    EXPECT_FALSE(reader.timing());
}

TEST(ResponseReader, TakesABodyWithoutLengthToTheEndOfTheConnection) {
    ResponseReader reader;
    EXPECT_EQ(reader.end_of_input(), State::kBad);
    EXPECT_EQ(reader.feed("HTTP/1.1 200 OK\r\n\r\nsome"), State::kMore);
    EXPECT_FALSE(reader.keep_alive());
    EXPECT_EQ(reader.end_of_input(), State::kDone);
}

TEST(ResponseReader, RefusesNonsense) {
    for (const std::string_view bad :
         {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
          "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 5x\r\n\r\n",
          "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab",
          "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
          "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffff\r\n"}) {
        ResponseReader reader;
        EXPECT_EQ(reader.feed(bad), State::kBad) << bad;
    }
    ResponseReader endless;
    EXPECT_EQ(endless.feed(std::string(ResponseReader::kHeadBytesMax + 1, 'x')), State::kBad);
}

TEST(ServerTiming, NeedsBothTotalAndUpstream) {
    EXPECT_TRUE(parse_server_timing("upstream;dur=1,total;dur=2.5"));
    EXPECT_FALSE(parse_server_timing("total;dur=2.5"));
    EXPECT_FALSE(parse_server_timing("total;dur=x, upstream;dur=1"));
    EXPECT_FALSE(parse_server_timing("total, upstream"));
    EXPECT_FALSE(parse_server_timing(""));
}

}  // namespace
}  // namespace vidai::bench::load
