// SPDX-License-Identifier: Apache-2.0
#include "node/config/address.h"

#include <gtest/gtest.h>

namespace vidai::node::config {
namespace {

std::string url_as(std::string_view text) {
    providers::Provider provider;
    return parse_base_url(text, provider) ? print_base_url(provider) : "refused";
}

TEST(Address, SplitsHostAndPort) {
    for (const char* good : {"127.0.0.1:8080", "[::1]:0", "vidai-0.svc:65535"}) {
        const auto parts = split_address(good);
        ASSERT_TRUE(parts) << good;
        EXPECT_EQ(join_address(parts->first, parts->second), good);
    }
    for (const char* bad : {"", ":80", "host", "host:", "host:65536", "host:-1", "::1:80", "[::1]",
                            "[host]:80", "[::g]:1", "a b:80", "h:80:90", "h:8 0", "ho\nst:80"}) {
        EXPECT_FALSE(split_address(bad)) << bad;
    }
}

TEST(BaseUrl, IsSchemeHostPortAndPrefix) {
    EXPECT_EQ(url_as("https://api.openai.com/v1"), "https://api.openai.com/v1");
    EXPECT_EQ(url_as("https://api.openai.com:443/v1/"), "https://api.openai.com/v1");
    EXPECT_EQ(url_as("http://localhost:11434"), "http://localhost:11434");
    EXPECT_EQ(url_as("http://[::1]:8000/v1"), "http://[::1]:8000/v1");
    EXPECT_EQ(url_as("http://[::1]"), "http://[::1]");
}

TEST(PostUrl, IsAllThatABrowserWouldSend) {
    const auto slack = parse_post_url("https://hooks.example.com/a/b/?c=d/e");
    ASSERT_TRUE(slack);
    EXPECT_TRUE(slack->tls);
    EXPECT_EQ(slack->host, "hooks.example.com");
    EXPECT_EQ(slack->port, 443);
    EXPECT_EQ(slack->path, "/a/b/?c=d/e");
    EXPECT_EQ(parse_post_url("http://[::1]:80?x")->path, "/?x");
    EXPECT_EQ(parse_post_url("http://h")->path, "/");
    for (const char* bad : {"h/x", "https://u:p@h/x", "https://h/x?a b", "https://h/x#f",
                            "https://h/x?a#f", "https://h/x?\r\ny: z", "ftp://h/x", "https://"}) {
        EXPECT_FALSE(parse_post_url(bad)) << bad;
    }
}

TEST(BaseUrl, RefusesWhatWouldNotReachTheWireAsWritten) {
    for (const char* bad : {"api.openai.com", "ftp://h", "https://", "https:///v1", "http://u@h/",
                            "http://h?x=1", "http://h/v1?x=1", "http://h/v1#f", "http://h:0",
                            "http://h/a b", "http://h/\r\nX: y", "HTTP://h", "http://h:80:80"}) {
        EXPECT_EQ(url_as(bad), "refused") << bad;
    }
}

}  // namespace
}  // namespace vidai::node::config
