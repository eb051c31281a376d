// SPDX-License-Identifier: Apache-2.0
#include "node/http/write.h"

#include <string>

#include <gtest/gtest.h>

#include "node/http/head.h"

namespace vidai::node::http {
namespace {

TEST(Write, AResponseHeadIsTheseBytes) {
    std::string out = "before ";
    append_status_line(out, 429);
    append_field(out, "content-type", "application/json");
    append_field(out, "content-length", std::uint64_t{18'446'744'073'709'551'615U});
    append_field(out, "empty", "");
    end_head(out);
    EXPECT_EQ(out,
              "before HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n"
              "content-length: 18446744073709551615\r\nempty: \r\n\r\n");
}

TEST(Write, AStatusWithoutAPhraseHasAnEmptyReason) {
    std::string out;
    append_status_line(out, 529);
    EXPECT_EQ(out, "HTTP/1.1 529 \r\n");
    EXPECT_EQ(reason_phrase(404), "Not Found");
}

TEST(Write, ARequestLineMayHaveAQuery) {
    std::string out;
    append_request_line(out, "POST", "/v1/messages", "beta=true");
    append_request_line(out, "GET", "/");
    EXPECT_EQ(out, "POST /v1/messages?beta=true HTTP/1.1\r\nGET / HTTP/1.1\r\n");
}

TEST(Write, ALineEndInAValueOfOursEndsTheProcess) {
    std::string out;
    EXPECT_DEATH(append_field(out, "a", "b\r\nc: d"), "split the head");
    EXPECT_DEATH(append_field(out, "a\n", "b"), "split the head");
    EXPECT_DEATH(append_field(out, "", "b"), "split the head");
    EXPECT_DEATH(append_request_line(out, "GET", "/a b"), "no URL path");
    EXPECT_DEATH(append_request_line(out, "GET", "/", "a\r\n"), "no URL query");
    EXPECT_DEATH(append_request_line(out, "G T", "/"), "no token");
    EXPECT_DEATH(append_status_line(out, 1000), "status");
}

TEST(Write, AnOutsideValueIsMadeHarmless) {
    std::string out;
    append_outside_field(out, "x-request-id", " a\r\nb\0c\x7f\xc3\xa4 ");
    append_outside_field(out, "x", "abcdef", 3);
    EXPECT_EQ(out, "x-request-id: a__b\r\nx: abc\r\n");
    out.clear();
    append_outside_field(out, "x", std::string_view("\0\x01 \xc3\xa4\t", 6));
    EXPECT_EQ(out, "x: __ \xc3\xa4\r\n");
}

TEST(Write, WhatIsWrittenIsReadBack) {
    std::string out;
    append_request_line(out, "POST", "/v1/chat/completions");
    append_field(out, "host", "api.example:443");
    append_field(out, "content-length", std::uint64_t{0});
    append_outside_field(out, "x-request-id", "\r\n\r\n");
    end_head(out);
    RequestHead head;
    head.reset();
    const HeadStatus status = parse_request_head(out, {}, head);
    ASSERT_EQ(status.progress, Progress::kDone) << status.message;
    EXPECT_EQ(status.consumed, out.size());
    EXPECT_EQ(head.host(), "api.example:443");
    EXPECT_EQ(head.get(KnownField::kXRequestId), "____");
}

TEST(Write, DecimalsAreExact) {
    std::string out;
    for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{10}, ~std::uint64_t{0}}) {
        append_decimal(out, value);
        out += ' ';
    }
    EXPECT_EQ(out, "0 10 18446744073709551615 ");
}

}  // namespace
}  // namespace vidai::node::http
