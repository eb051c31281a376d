// SPDX-License-Identifier: Apache-2.0
#include "node/http/body.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace vidai::node::http {
namespace {

struct Outcome {
    BodyProgress end = BodyProgress::kNeedMore;
    std::string payload;
    std::size_t consumed = 0;
    ErrorCode code = ErrorCode::kInternal;
    std::string message;

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Gives `bytes` in pieces of `step` until the reader ends or they do.
Outcome read(BodyReader reader, std::string_view bytes, std::size_t step) {
    Outcome outcome;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        std::string_view piece = bytes.substr(at, step);
        std::string_view payload;
        do {
            const std::size_t before = piece.size();
            outcome.end = reader.next(piece, payload);
            outcome.consumed += before - piece.size();
            outcome.payload += payload;
            EXPECT_EQ(payload.empty(), outcome.end != BodyProgress::kData);
        } while (outcome.end == BodyProgress::kData);
        if (outcome.end != BodyProgress::kNeedMore) break;
        EXPECT_TRUE(piece.empty());
    }
    if (outcome.end == BodyProgress::kError) {
        outcome.code = reader.error_code();
        outcome.message = reader.error_message();
        outcome.consumed = 0;
    }
    return outcome;
}

RequestHead request(std::string_view framing_field) {
    const std::string bytes =
        "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(framing_field) + "\r\n\r\n";
    RequestHead head;
    head.reset();
    EXPECT_EQ(parse_request_head(bytes, {}, head).progress, Progress::kDone) << bytes;
    return head;  // of which BodyReader reads the numbers only
}

ResponseHead response(std::string_view fields) {
    const std::string bytes = "HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n";
    ResponseHead head;
    head.reset();
    EXPECT_EQ(parse_response_head(bytes, {}, Method::kPost, head).progress, Progress::kDone);
    return head;
}

BodyReader chunked(std::uint64_t bytes_max = kBodyUnbounded) {
    return {request("Transfer-Encoding: chunked"), bytes_max};
}

TEST(Body, OfNoLengthIsDoneAtOnce) {
    std::string_view rest = "GET / HTTP/1.1";
    std::string_view payload;
    BodyReader reader(request("X: y"), 10);
    EXPECT_TRUE(reader.done());
    EXPECT_EQ(reader.next(rest, payload), BodyProgress::kDone);
    EXPECT_EQ(rest, "GET / HTTP/1.1");
    EXPECT_TRUE(BodyReader(request("Content-Length: 0"), 10).done());
}

TEST(Body, OfAKnownLengthEndsThere) {
    for (std::size_t step = 1; step < 12; ++step) {
        const Outcome outcome =
            read(BodyReader(request("Content-Length: 5"), 5), "helloGET /", step);
        EXPECT_EQ(outcome.payload, "hello");
        // A last byte at the end of the input leaves the next call to say kDone.
        EXPECT_EQ(outcome.consumed, 5U);
        EXPECT_EQ(outcome.end, BodyProgress::kDone);
    }
}

TEST(Body, DeclaredBeyondTheBoundIsRefusedBeforeItsFirstByte) {
    const Outcome outcome = read(BodyReader(request("Content-Length: 6"), 5), "x", 1);
    EXPECT_EQ(outcome.code, ErrorCode::kBodyTooLarge);
}

TEST(Body, OfChunksBeyondTheBoundIsRefusedWhenItPassesIt) {
    for (std::size_t step = 1; step < 20; ++step) {
        const Outcome outcome = read(chunked(5), "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", step);
        EXPECT_EQ(outcome.code, ErrorCode::kBodyTooLarge) << step;
    }
    EXPECT_EQ(read(chunked(6), "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", 4).end, BodyProgress::kDone);
}

TEST(Body, UntilCloseEndsWithTheConnection) {
    BodyReader reader(response(""));
    std::string_view bytes = "all of it";
    std::string_view payload;
    EXPECT_EQ(reader.next(bytes, payload), BodyProgress::kData);
    EXPECT_EQ(payload, "all of it");
    EXPECT_EQ(reader.next(bytes, payload), BodyProgress::kNeedMore);
    EXPECT_EQ(reader.finish(), BodyProgress::kDone);
    EXPECT_EQ(reader.payload_bytes(), 9U);
}

TEST(Body, CutOffIsAnErrorOfTheSideThatSentIt) {
    for (const std::string_view fields :
         {"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"}) {
        BodyReader reader(response(fields));
        std::string_view bytes = "4";
        std::string_view payload;
        reader.next(bytes, payload);
        EXPECT_EQ(reader.finish(), BodyProgress::kError);
        EXPECT_EQ(reader.error_code(), ErrorCode::kUpstreamInterrupted);
    }
    BodyReader reader(request("Content-Length: 5"), 10);
    EXPECT_EQ(reader.finish(), BodyProgress::kError);
    EXPECT_EQ(reader.error_code(), ErrorCode::kMalformedHttp);
}

TEST(Chunked, PayloadIsTheSameHoweverTheBytesAreSplit) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"0\r\n\r\n", ""},
        {"000\r\n\r\n", ""},
        {"1\r\na\r\n00000000000000A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n",
         "a01234567890123456789a"},
        {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n"},
        {"1;name\r\na\r\n0;x=y\r\n\r\n", "a"},
        {"1 ; name = value ;b\r\na\r\n0\r\n\r\n", "a"},
        {"1;a=\"q \\\" ; \t\\\\\"\r\na\r\n0;b=\"\";c\r\n\r\n", "a"},
        {"1\r\na\r\n0\r\nX-Sum: 1\r\nEmpty:\r\n\r\n", "a"},
    };
    for (const auto& [bytes, payload] : cases) {
        const std::string pipelined = bytes + "GET / HTTP/1.1\r\n";
        for (std::size_t step = 1; step <= pipelined.size(); ++step) {
            const Outcome outcome = read(chunked(), pipelined, step);
            EXPECT_EQ(outcome.end, BodyProgress::kDone) << bytes << outcome.message;
            EXPECT_EQ(outcome.payload, payload) << bytes;
            EXPECT_EQ(outcome.consumed, bytes.size()) << bytes;
        }
    }
}

TEST(Chunked, FramingIsTakenToTheLetter) {
    using std::string;
    const std::vector<std::pair<string, const char*>> cases = {
        {"\r\n", "chunk size"},
        {"g\r\n", "chunk size"},
        {"-1\r\n", "chunk size"},
        {"+1\r\n", "chunk size"},
        {" 1\r\n", "chunk size"},
        {"0x1\r\n", "chunk size"},
        {"1\n", "chunk size"},
        {"1\r\r\n", "chunk size"},
        {"1,\r\n", "chunk size"},
        {"1000000000000000\r\n", "chunk size"},
        {"0000000000000001\r\n", "chunk size"},
        {"ffffffffffffffffff\r\n", "chunk size"},
        {"1 \r\n", "extension"},
        {"1;\r\n", "extension"},
        {"1;a=\r\n", "extension"},
        {"1;a \r\n", "extension"},
        {"1;a b\r\n", "extension"},
        {"1;a\n", "extension"},
        {"1;a=\"b\r\n", "extension"},
        {"1;a=\"b\\\r\n", "extension"},
        {"1;a=\"b\"c\r\n", "extension"},
        {"1;a=b=c\r\n", "extension"},
        {string("1;a\0", 4), "extension"},
        {"1;" + string(5000, 'a') + "\r\n", "extensions are too large"},
        {"1\r\nab\r\n", "longer than its size"},
        {"1\r\na\n", "longer than its size"},
        {"1\r\na\r\r\n", "longer than its size"},
        {"0\r\n\n", "trailer"},
        {"0\r\n\r\r", "trailer"},
        {"0\r\n a: b\r\n\r\n", "trailer"},
        {"0\r\na : b\r\n\r\n", "trailer"},
        {"0\r\n: b\r\n\r\n", "trailer"},
        {"0\r\na\r\n\r\n", "trailer"},
        {"0\r\na: b\n\r\n", "trailer"},
        {"0\r\na: b\rc\r\n\r\n", "trailer"},
        {"0\r\na: " + string(5000, 'b') + "\r\n\r\n", "trailer section is too large"},
    };
    for (const auto& [bytes, message] : cases) {
        const Outcome whole = read(chunked(), bytes, bytes.size());
        EXPECT_EQ(whole.end, BodyProgress::kError) << bytes;
        EXPECT_EQ(whole.code, ErrorCode::kMalformedHttp) << bytes;
        EXPECT_NE(whole.message.find(message), std::string::npos) << bytes << whole.message;
        for (std::size_t step = 1; step < 5; ++step) {
            EXPECT_EQ(read(chunked(), bytes, step), whole) << bytes << step;
        }
        const BodyReader upstream(response("Transfer-Encoding: chunked\r\n"));
        EXPECT_EQ(read(upstream, bytes, 3).code, ErrorCode::kUpstreamInvalid) << bytes;
    }
}

TEST(Chunked, ExtensionsOfAllChunksShareOneBound) {
    std::string bytes;
    for (int i = 0; i < 50; ++i) bytes += "1;" + std::string(100, 'e') + "\r\na\r\n";
    EXPECT_NE(read(chunked(), bytes, 1000).message.find("too large"), std::string::npos);
}

TEST(Chunked, WhatIsWrittenIsReadBack) {
    std::string wire;
    std::string payload;
    for (const std::size_t size : {1U, 9U, 10U, 15U, 16U, 17U, 255U, 256U, 4095U, 65536U}) {
        const std::string data(size, static_cast<char>('a' + size % 26));
        payload += data;
        if (size % 2 == 0) {
            append_chunk(wire, data);
        } else {
            append_chunk_head(wire, size);
            wire.append(data).append(kChunkEnd);
        }
    }
    wire += kLastChunk;
    for (const std::size_t step : {std::size_t{1}, std::size_t{13}, wire.size()}) {
        const Outcome outcome = read(chunked(), wire, step);
        EXPECT_EQ(outcome.end, BodyProgress::kDone) << outcome.message;
        EXPECT_TRUE(outcome.payload == payload);
    }
    std::string head;
    append_chunk_head(head, 0xabcdef0123456789);
    EXPECT_EQ(head, "abcdef0123456789\r\n");
    EXPECT_DEATH(append_chunk_head(head, 0), "would end the body");
}

}  // namespace
}  // namespace vidai::node::http
