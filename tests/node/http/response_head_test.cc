// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "node/http/head.h"

namespace vidai::node::http {
namespace {

struct Parsed {
    HeadStatus status;
    ResponseHead head;
};

Parsed parse(std::string_view bytes, Method asked = Method::kPost) {
    Parsed result;
    result.head.reset();
    result.status = parse_response_head(bytes, {}, asked, result.head);
    return result;
}

TEST(ResponseHead, HoldsTheFactsOfATypicalAnswer) {
    const std::string bytes =
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: 3\r\n"
        "retry-after-ms: 2500\r\nx-should-retry: true\r\nX-Request-Id: req_1\r\n"
        "Content-Length: 7\r\n\r\n{}";
    const auto [status, head] = parse(bytes);
    ASSERT_EQ(status.progress, Progress::kDone) << status.message;
    EXPECT_EQ(status.consumed, bytes.size() - 2);
    EXPECT_EQ(head.status(), 429);
    EXPECT_EQ(head.reason(), "Too Many Requests");
    EXPECT_FALSE(head.interim());
    EXPECT_TRUE(head.keep_alive());
    EXPECT_EQ(head.framing(), Framing::kLength);
    EXPECT_EQ(head.content_length(), 7U);
    EXPECT_EQ(head.get(KnownField::kRetryAfter), "3");
    EXPECT_EQ(head.get(KnownField::kRetryAfterMs), "2500");
    EXPECT_EQ(head.get(KnownField::kXShouldRetry), "true");
    EXPECT_EQ(head.get(KnownField::kXRequestId), "req_1");
}

struct FramingCase {
    const char* why;
    std::string bytes;
    Method asked;
    Framing framing;
    bool keep_alive;
};

TEST(ResponseHead, IsFramedByTheFirstRuleThatApplies) {
    const std::vector<FramingCase> cases = {
        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", Method::kHead, Framing::kNone,
         true},
        {"HEAD of a stream", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::kHead,
         Framing::kNone, true},
        {"204", "HTTP/1.1 204 No Content\r\n\r\n", Method::kPost, Framing::kNone, true},
        {"304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", Method::kGet,
         Framing::kNone, true},
        {"100", "HTTP/1.1 100 Continue\r\n\r\n", Method::kPost, Framing::kNone, true},
        {"chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n", Method::kPost,
         Framing::kChunked, true},
        {"length", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Method::kPost, Framing::kLength,
         true},
        {"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n",
         Method::kPost, Framing::kLength, false},
        {"until close", "HTTP/1.1 200 OK\r\n\r\n", Method::kPost, Framing::kUntilClose, false},
        {"1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", Method::kPost, Framing::kLength,
         false},
        {"1.0 kept", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n",
         Method::kPost, Framing::kLength, true},
        {"1.0 until close", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", Method::kPost,
         Framing::kUntilClose, false},
    };
    for (const FramingCase& c : cases) {
        const auto [status, head] = parse(c.bytes, c.asked);
        ASSERT_EQ(status.progress, Progress::kDone) << c.why << ": " << status.message;
        EXPECT_EQ(head.framing(), c.framing) << c.why;
        EXPECT_EQ(head.keep_alive(), c.keep_alive) << c.why;
    }
}

TEST(ResponseHead, TellsInterimAnswersFromTheFinalOne) {
    const std::string bytes =
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
        "0\r\n\r\n";
    ResponseHead head;
    head.reset();
    HeadStatus status = parse_response_head(bytes, {}, Method::kPost, head);
    ASSERT_EQ(status.progress, Progress::kDone);
    EXPECT_TRUE(head.interim());
    head.reset();
    const std::string_view rest = std::string_view(bytes).substr(status.consumed);
    status = parse_response_head(rest, {}, Method::kPost, head);
    ASSERT_EQ(status.progress, Progress::kDone);
    EXPECT_EQ(head.status(), 200);
    EXPECT_EQ(status.consumed, rest.size());
}

TEST(ResponseHead, MayLackAReason) {
    for (const std::string bytes : {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
                                    "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"}) {
        const auto [status, head] = parse(bytes);
        ASSERT_EQ(status.progress, Progress::kDone) << status.message;
        EXPECT_EQ(head.reason(), "");
    }
}

struct Refusal {
    const char* why;
    std::string bytes;
    const char* message_part;
};

std::vector<Refusal> refusals() {
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    return {
        {"CL and TE", ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "contradict"},
        {"two CL", ok + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", "given twice"},
        {"CL list", ok + "Content-Length: 1, 1\r\n\r\n", "plain decimal"},
        {"TE gzip", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", "nothing else"},
        {"TE on 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0"},
        {"fold", ok + "A: b\r\n c\r\n\r\n", "folded"},
        {"space before colon", ok + "A : b\r\n\r\n", "White space"},
        {"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "CRLF"},
        {"leading CRLF", "\r\nHTTP/1.1 200 OK\r\n\r\n", "version"},
        {"not HTTP", "SSH-2.0-OpenSSH_9.2\r\n", "version"},
        {"HTTP/2", "HTTP/2 200\r\n\r\n", "version"},
        {"short status", "HTTP/1.1 20\r\n\r\n", "100 to 599"},
        {"long status", "HTTP/1.1 2000 OK\r\n\r\n", "CRLF"},
        {"status 099", "HTTP/1.1 099 No\r\n\r\n", "100 to 599"},
        {"status 600", "HTTP/1.1 600 No\r\n\r\n", "100 to 599"},
        {"status word", "HTTP/1.1 OK\r\n\r\n", "100 to 599"},
        {"control in reason", "HTTP/1.1 200 O\x01K\r\n\r\n", "CRLF"},
        {"101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "switched protocols"},
        {"204 with a body", "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "announced a body"},
        {"204 chunked", "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", "announced"},
        {"100 with a body", "HTTP/1.1 100 C\r\nContent-Length: 5\r\n\r\n", "announced a body"},
        {"endless", "HTTP/1.1 200 " + std::string(40'000, 'x'), "too large"},
    };
}

TEST(ResponseHead, RefusesWhateverTwoParsersCouldReadDifferently) {
    for (const Refusal& refusal : refusals()) {
        const auto [status, head] = parse(refusal.bytes);
        EXPECT_EQ(status.progress, Progress::kError) << refusal.why;
        EXPECT_EQ(status.code, ErrorCode::kUpstreamInvalid) << refusal.why;
        EXPECT_NE(std::string_view(status.message).find(refusal.message_part),
                  std::string_view::npos)
            << refusal.why << ": " << status.message;
    }
}

TEST(ResponseHead, EndsTheSameHoweverTheBytesAreSplit) {
    std::vector<std::string> messages = {
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
        "chunked\r\n\r\n"};
    for (const Refusal& refusal : refusals()) messages.push_back(refusal.bytes);
    for (const std::string& bytes : messages) {
        const auto [expected, unused] = parse(bytes);
        ResponseHead head;
        head.reset();
        HeadStatus status;
        for (std::size_t size = 0; size <= std::min<std::size_t>(bytes.size(), 33'000); ++size) {
            status = parse_response_head({bytes.data(), size}, {}, Method::kPost, head);
            if (status.progress != Progress::kNeedMore) break;
        }
        EXPECT_EQ(status.progress, expected.progress) << bytes;
        EXPECT_EQ(status.consumed, expected.consumed) << bytes;
        EXPECT_STREQ(status.message, expected.message) << bytes;
    }
}

}  // namespace
}  // namespace vidai::node::http
