// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "node/http/head.h"

namespace vidai::node::http {
namespace {

constexpr std::string_view kTypical =
    "POST /v1/chat/completions?beta=true HTTP/1.1\r\n"
    "Host: gateway.example:8080\r\n"
    "Authorization: Bearer vk_0123456789\r\n"
    "Content-Type: application/json\r\n"
    "Accept: application/json\r\n"
    "User-Agent: OpenAI/JS 6.49.0\r\n"
    "X-Stainless-Lang: js\r\n"
    "X-Request-Id:  abc \t\r\n"
    "Connection: keep-alive\r\n"
    "Content-Length: 42\r\n"
    "\r\n";

struct Parsed {
    HeadStatus status;
    RequestHead head;
};

Parsed parse(std::string_view bytes, const HeadLimits& limits = {}) {
    Parsed result;
    result.head.reset();
    result.status = parse_request_head(bytes, limits, result.head);
    return result;
}

// Everything that one outcome tells, as text, so that two outcomes can be compared.
std::string describe(const HeadStatus& status, const RequestHead& head) {
    if (status.progress == Progress::kNeedMore) return "need more";
    if (status.progress == Progress::kError) {
        return std::string(error_code_name(status.code)) + ": " + status.message;
    }
    std::string text = std::to_string(status.consumed) + " " + std::string(head.method_text()) +
                       " " + std::string(head.target()) + " host=" + std::string(head.host()) +
                       " length=" + std::to_string(head.content_length()) +
                       " framing=" + std::to_string(static_cast<int>(head.framing())) +
                       (head.keep_alive() ? " keep" : " close") +
                       (head.expect_continue() ? " expect" : "") + "\n";
    for (std::size_t i = 0; i < head.field_count(); ++i) {
        const Field field = head.field(i);
        text += std::string(field.name) + "=" + std::string(field.value) + "\n";
    }
    return text;
}

// Gives the bytes in pieces of `step`, from a buffer that moves with every piece.
std::string parse_in_pieces(std::string_view bytes, std::size_t step,
                            const HeadLimits& limits = {}) {
    RequestHead head;
    head.reset();
    for (std::size_t size = std::min(step, bytes.size());;
         size = std::min(size + step, bytes.size())) {
        const std::vector<char> moved(bytes.begin(),
                                      bytes.begin() + static_cast<std::ptrdiff_t>(size));
        const HeadStatus status = parse_request_head({moved.data(), size}, limits, head);
        if (status.progress != Progress::kNeedMore || size == bytes.size()) {
            return describe(status, head);
        }
    }
}

std::string head_with(std::string_view line) {
    return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(line) + "\r\n\r\n";
}

TEST(RequestHead, HoldsTheFactsOfATypicalRequest) {
    const std::string bytes = std::string(kTypical) + "{\"body\":1}";
    const auto [status, head] = parse(bytes);
    ASSERT_EQ(status.progress, Progress::kDone) << status.message;
    EXPECT_EQ(status.consumed, kTypical.size());
    EXPECT_EQ(head.method(), Method::kPost);
    EXPECT_EQ(head.target(), "/v1/chat/completions?beta=true");
    EXPECT_EQ(head.path(), "/v1/chat/completions");
    EXPECT_EQ(head.query(), "beta=true");
    EXPECT_EQ(head.host(), "gateway.example:8080");
    EXPECT_EQ(head.version_minor(), 1);
    EXPECT_TRUE(head.keep_alive());
    EXPECT_EQ(head.framing(), Framing::kLength);
    EXPECT_EQ(head.content_length(), 42U);
    EXPECT_FALSE(head.expect_continue());
    EXPECT_EQ(head.get(KnownField::kAuthorization), "Bearer vk_0123456789");
    EXPECT_EQ(head.get(KnownField::kXRequestId), "abc");
    EXPECT_FALSE(head.has(KnownField::kXApiKey));
    EXPECT_EQ(head.get(KnownField::kXApiKey), "");
    EXPECT_EQ(head.get(KnownField::kOther), "");
    EXPECT_EQ(head.find("x-STAINLESS-lang"), "js");
    ASSERT_EQ(head.field_count(), 9U);
    EXPECT_EQ(head.field(5).name, "X-Stainless-Lang");
}

TEST(RequestHead, MayComeInPiecesOfAnySizeIntoABufferThatMoves) {
    const std::string whole = parse_in_pieces(kTypical, kTypical.size());
    ASSERT_TRUE(whole.starts_with(std::to_string(kTypical.size()))) << whole;
    for (std::size_t step = 1; step < kTypical.size(); ++step) {
        EXPECT_EQ(parse_in_pieces(kTypical, step), whole) << "step " << step;
    }
}

TEST(RequestHead, EndsWhereThePipelinedNextOneBegins) {
    const std::string_view get = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    const std::string two = std::string(get) + std::string(kTypical);
    RequestHead head;
    head.reset();
    HeadStatus status = parse_request_head(two, {}, head);
    ASSERT_EQ(status.progress, Progress::kDone);
    EXPECT_EQ(status.consumed, get.size());
    EXPECT_EQ(head.framing(), Framing::kNone);
    head.reset();
    status = parse_request_head(std::string_view(two).substr(status.consumed), {}, head);
    ASSERT_EQ(status.progress, Progress::kDone);
    EXPECT_EQ(head.path(), "/v1/chat/completions");
    EXPECT_EQ(head.content_length(), 42U);
}

TEST(RequestHead, ViewsFollowARebase) {
    std::string bytes(kTypical);
    RequestHead head;
    head.reset();
    ASSERT_EQ(parse_request_head(bytes, {}, head).progress, Progress::kDone);
    const std::string copy = bytes;
    bytes.assign(bytes.size(), '?');
    head.rebase(copy.data());
    EXPECT_EQ(head.host(), "gateway.example:8080");
    EXPECT_EQ(head.path(), "/v1/chat/completions");
}

struct Refusal {
    const char* why;
    std::string bytes;
    const char* message_part;
    ErrorCode code = ErrorCode::kMalformedHttp;
};

std::vector<Refusal> refusals() {
    using std::string;
    return {
        {"CL and TE", head_with("Content-Length: 3\r\nTransfer-Encoding: chunked"), "contradict"},
        {"TE and CL", head_with("Transfer-Encoding: chunked\r\nContent-Length: 3"), "contradict"},
        {"two CL", head_with("Content-Length: 3\r\nContent-Length: 4"), "given twice"},
        {"two equal CL", head_with("Content-Length: 3\r\ncontent-length: 3"), "given twice"},
        {"CL list", head_with("Content-Length: 3, 3"), "plain decimal"},
        {"CL plus", head_with("Content-Length: +3"), "plain decimal"},
        {"CL minus", head_with("Content-Length: -3"), "plain decimal"},
        {"CL hex", head_with("Content-Length: 0x3"), "plain decimal"},
        {"CL empty", head_with("Content-Length:"), "plain decimal"},
        {"CL inner space", head_with("Content-Length: 1 2"), "plain decimal"},
        {"CL overflow", head_with("Content-Length: 18446744073709551617"), "plain decimal"},
        {"TE gzip", head_with("Transfer-Encoding: gzip"), "nothing else"},
        {"TE gzip, chunked", head_with("Transfer-Encoding: gzip, chunked"), "nothing else"},
        {"TE chunked, chunked", head_with("Transfer-Encoding: chunked, chunked"), "nothing else"},
        {"TE twice", head_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
         "nothing else"},
        {"TE identity", head_with("Transfer-Encoding: identity"), "nothing else"},
        {"TE empty", head_with("Transfer-Encoding:"), "nothing else"},
        {"TE xchunked", head_with("Transfer-Encoding: xchunked"), "nothing else"},
        {"TE vertical tab",
         head_with("Transfer-Encoding: \x0b"
                   "chunked"),
         "control character"},
        {"TE on 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0"},
        {"two Host", head_with("Host: b"), "Host is given twice"},
        {"no Host", "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n", "missing"},
        {"Host with slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "no host name"},
        {"Host with user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "no host name"},
        {"Host with space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "no host name"},
        {"two Authorization", head_with("Authorization: a\r\nAuthorization: b"),
         "Authorization is given twice"},
        {"two X-Api-Key", head_with("X-Api-Key: a\r\nX-Api-Key: b"), "X-Api-Key is given twice"},
        {"fold", head_with("A: b\r\n c"), "folded"},
        {"fold by tab", head_with("A: b\r\n\tc"), "folded"},
        {"fold at once", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "folded"},
        {"space before colon", head_with("Content-Length : 3"), "White space"},
        {"tab before colon", head_with("Content-Length\t: 3"), "White space"},
        {"no name", head_with(": a"), "not allowed there"},
        {"no colon", head_with("abc"), "no colon"},
        {"bad name", head_with("a(b: c"), "not allowed there"},
        {"name in obs-text", head_with("a\xc3\xa4: c"), "not allowed there"},
        {"NUL in name", head_with(string("a\0b: c", 6)), "not allowed there"},
        {"NUL in value", head_with(string("a: b\0c", 6)), "control character"},
        {"DEL in value", head_with("a: b\x7f"), "control character"},
        {"LF in value", head_with("a: b\nc: d"), "CRLF"},
        {"CR in value", head_with("a: b\rc: d"), "CRLF"},
        {"LF after name", head_with("abc\n"), "LF alone"},
        {"LF ends all", "GET / HTTP/1.1\nHost: a\n\n", "CRLF"},
        {"LF ends head", "GET / HTTP/1.1\r\nHost: a\r\n\n", "LF alone"},
        {"CR CR", "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", "stands alone"},
        {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "path that begins"},
        {"space in target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "version"},
        {"tab in line", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "method"},
        {"fragment", "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", "not allowed in a URL"},
        {"target in obs-text", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", "not allowed in a URL"},
        {"quote in target", "GET /\" HTTP/1.1\r\nHost: a\r\n\r\n", "not allowed in a URL"},
        {"NUL in target", string("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 29), "not allowed"},
        {"relative target", "GET v1 HTTP/1.1\r\nHost: a\r\n\r\n", "begins with"},
        {"asterisk", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS"},
        {"other scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "whole http URL"},
        {"userinfo", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "whole http URL"},
        {"empty authority", "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", "whole http URL"},
        {"CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "tunnel",
         ErrorCode::kMethodNotAllowed},
        {"HTTP/0.9", "GET /\r\n", "no protocol version"},
        {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "version"},
        {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "OPTIONS"},
        {"http/1.1", "GET / http/1.1\r\nHost: a\r\n\r\n", "version"},
        {"HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", "CRLF"},
        {"trailing space", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "CRLF"},
        {"two leading CRLF", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "method"},
        {"leading LF", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "method"},
        {"leading space", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", "method"},
        {"TLS hello", string("\x16\x03\x01\x02\x00\x01", 6), "method"},
        {"other expectation", head_with("Expect: coffee"), "100-continue",
         ErrorCode::kInvalidRequest},
        {"long name", head_with(string(257, 'a') + ": b"), "256 bytes",
         ErrorCode::kHeadersTooLarge},
    };
}

TEST(RequestHead, RefusesWhateverTwoParsersCouldReadDifferently) {
    for (const Refusal& refusal : refusals()) {
        const auto [status, head] = parse(refusal.bytes);
        EXPECT_EQ(status.progress, Progress::kError) << refusal.why;
        EXPECT_EQ(status.code, refusal.code) << refusal.why;
        EXPECT_NE(std::string_view(status.message).find(refusal.message_part),
                  std::string_view::npos)
            << refusal.why << ": " << status.message;
    }
}

TEST(RequestHead, RefusesTheSameHoweverTheBytesAreSplit) {
    for (const Refusal& refusal : refusals()) {
        const std::string whole = parse_in_pieces(refusal.bytes, refusal.bytes.size());
        for (std::size_t step = 1; step < 9; ++step) {
            EXPECT_EQ(parse_in_pieces(refusal.bytes, step), whole) << refusal.why << step;
        }
    }
}

TEST(RequestHead, TakesWhatTheGrammarAllows) {
    const std::vector<std::string> good = {
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nhOsT:[::1]:80\r\n\r\n",
        "BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        head_with("Transfer-Encoding: Chunked"),
        head_with("Content-Length: 0003"),
        head_with("Content-Length:\t 999999999999999999 \t"),
        head_with("X: tab\there, \xc3\xa4 and \"quotes\""),
        head_with("X:"),
        head_with("!#$%&'*+-.^_`|~09azAZ: x"),
        head_with("X_Under_Score_And_A_Name_Longer_Than_Sixteen: x"),
        head_with("Cookie: a\r\nCookie: b"),
    };
    for (const std::string& bytes : good) {
        const auto [status, head] = parse(bytes);
        EXPECT_EQ(status.progress, Progress::kDone) << bytes << status.message;
        EXPECT_EQ(status.consumed, bytes.size());
        EXPECT_EQ(parse_in_pieces(bytes, 1), parse_in_pieces(bytes, bytes.size()));
    }
}

TEST(RequestHead, TakesTheAuthorityOfAnAbsoluteTargetForTheHost) {
    const std::string url = "GET HTTP://real.example:81?q HTTP/1.1\r\nHost: other\r\n\r\n";
    const auto [status, head] = parse(url);
    ASSERT_EQ(status.progress, Progress::kDone) << status.message;
    EXPECT_EQ(head.host(), "real.example:81");
    EXPECT_EQ(head.path(), "/");
    EXPECT_EQ(head.query(), "q");
    const std::string path = "GET https://h/v1/models HTTP/1.1\r\nHost: h\r\n\r\n";
    const auto [path_status, path_head] = parse(path);
    ASSERT_EQ(path_status.progress, Progress::kDone);
    EXPECT_EQ(path_head.path(), "/v1/models");
}

TEST(RequestHead, AllowsTheAsteriskToOptions) {
    const std::string bytes = "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n";
    const auto [status, head] = parse(bytes);
    ASSERT_EQ(status.progress, Progress::kDone);
    EXPECT_EQ(head.method(), Method::kOptions);
    EXPECT_EQ(head.path(), "*");
}

TEST(RequestHead, KeepsTheConnectionAsItsVersionSays) {
    const auto keeps = [](std::string_view version, std::string_view connection) {
        const std::string bytes = "GET / HTTP/" + std::string(version) + "\r\nHost: a\r\n" +
                                  std::string(connection) + "\r\n";
        const auto [status, head] = parse(bytes);
        EXPECT_EQ(status.progress, Progress::kDone) << bytes;
        return head.keep_alive();
    };
    EXPECT_TRUE(keeps("1.1", ""));
    EXPECT_FALSE(keeps("1.1", "Connection: Close\r\n"));
    EXPECT_FALSE(keeps("1.1", "Connection: x, close\r\n"));
    EXPECT_FALSE(keeps("1.1", "Connection: close\r\nConnection: keep-alive\r\n"));
    EXPECT_FALSE(keeps("1.0", ""));
    EXPECT_TRUE(keeps("1.0", "Connection: Keep-Alive\r\n"));
    EXPECT_FALSE(keeps("1.0", "Connection: keep-alive, close\r\n"));
}

TEST(RequestHead, ExpectsContinueOnlyBeforeABodyAndOnlyIn11) {
    const auto expects = [](const std::string& bytes) {
        const auto [status, head] = parse(bytes);
        EXPECT_EQ(status.progress, Progress::kDone) << bytes;
        return head.expect_continue();
    };
    EXPECT_TRUE(expects(head_with("Expect: 100-Continue\r\nContent-Length: 1")));
    EXPECT_TRUE(expects(head_with("Expect: 100-continue\r\nTransfer-Encoding: chunked")));
    EXPECT_FALSE(expects(head_with("Expect: 100-continue\r\nContent-Length: 0")));
    EXPECT_FALSE(expects(head_with("Expect: 100-continue")));
    EXPECT_FALSE(expects("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"));
}

TEST(RequestHead, ForwardsNothingThatEndsAtThisConnection) {
    const std::string bytes = head_with(
        "Connection: X-Private, te\r\nConnection: close\r\nTE: trailers\r\nx-private: 1\r\n"
        "X-Public: 2\r\nUpgrade: h2c\r\nProxy-Authorization: p\r\nKeep-Alive: 5");
    const auto [status, head] = parse(bytes);
    ASSERT_EQ(status.progress, Progress::kDone) << status.message;
    std::string forwarded;
    for (std::size_t i = 0; i < head.field_count(); ++i) {
        if (!head.hop_by_hop(i)) forwarded += std::string(head.field(i).name) + " ";
    }
    EXPECT_EQ(forwarded, "Host X-Public ");
}

TEST(RequestHead, IsBoundedInBytesToTheByte) {
    const HeadLimits exact{kTypical.size(), 100};
    const HeadLimits short_by_one{kTypical.size() - 1, 100};
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, kTypical.size()}) {
        EXPECT_TRUE(
            parse_in_pieces(kTypical, step, exact).starts_with(std::to_string(kTypical.size())));
        EXPECT_TRUE(parse_in_pieces(kTypical, step, short_by_one).starts_with("headers_too_large"));
    }
    const std::string endless = "GET /" + std::string(40'000, 'a');
    EXPECT_TRUE(parse_in_pieces(endless, 4096).starts_with("headers_too_large"));
}

TEST(RequestHead, IsBoundedInFields) {
    std::string lines = "Host: a";
    for (int i = 1; i < 100; ++i) lines += "\r\nx: y";
    const std::string hundred = "GET / HTTP/1.1\r\n" + lines + "\r\n\r\n";
    EXPECT_EQ(parse(hundred).status.progress, Progress::kDone);
    const std::string more = "GET / HTTP/1.1\r\nx: y\r\n" + lines + "\r\n\r\n";
    EXPECT_EQ(parse(more).status.code, ErrorCode::kHeadersTooLarge);
    EXPECT_EQ(parse(more, {32 * 1024, 1000}).status.code, ErrorCode::kHeadersTooLarge);
    EXPECT_EQ(parse(hundred, {32 * 1024, 99}).status.code, ErrorCode::kHeadersTooLarge);
}

TEST(KnownField, IsFoundByItsNameInAnyCaseAndByNoOther) {
    for (std::size_t i = 0; i < kKnownFieldCount; ++i) {
        std::string name(kKnownFieldNames[i]);
        EXPECT_EQ(known_field(name), static_cast<KnownField>(i)) << name;
        for (char& c : name) {
            if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 0x20);
        }
        EXPECT_EQ(known_field(name), static_cast<KnownField>(i)) << name;
        for (std::size_t j = 0; j < name.size(); ++j) {
            std::string other = name;
            other[j] = other[j] == '!' ? '~' : '!';
            EXPECT_EQ(known_field(other), KnownField::kOther) << other;
        }
        EXPECT_EQ(known_field(name + "x"), KnownField::kOther) << name;
    }
}

}  // namespace
}  // namespace vidai::node::http
