// SPDX-License-Identifier: Apache-2.0
// No route gets past authentication and admission: proven over the list of routes itself, so that
// a new one cannot be forgotten.
#include "node/exchange/routes.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/node/exchange/fixture.h"

namespace vidai::node::exchange {
namespace {

std::string request_for(const Route& route, const std::string& lines) {
    const bool post = route.method == http::Method::kPost;
    std::string text =
        (post ? "POST " : "GET ") + std::string(route.path) + " HTTP/1.1\r\nhost: gw\r\n" + lines;
    if (post) text += "content-length: " + std::to_string(kChat.size()) + "\r\n";
    text += "\r\n";
    return post ? text + std::string(kChat) : text;
}

TEST(Routes, OnlyThePublicOnesAnswerWithoutAKey) {
    House house;
    for (const Route& route : routes()) {
        EXPECT_EQ(house.request(request_for(route, "")), Next::kDone) << route.path;
        const bool refused = house.out.starts_with("HTTP/1.1 401 ");
        EXPECT_EQ(refused, route.access != Access::kPublic) << route.path << "\n" << house.out;
    }
}

TEST(Routes, NoneAcceptsAWrongKey) {
    House house;
    std::string wrong = house.secret;
    wrong.back() = wrong.back() == 'A' ? 'B' : 'A';
    for (const Route& route : routes()) {
        if (route.access == Access::kPublic) continue;
        house.request(request_for(route, "authorization: Bearer " + wrong + "\r\n"));
        EXPECT_TRUE(house.out.starts_with("HTTP/1.1 401 ")) << route.path;
        EXPECT_EQ(house.out.find(wrong), std::string::npos);
    }
}

TEST(Routes, EveryGovernedOneIsRefusedOverTheLimit) {
    House house({.requests_per_minute = 0, .tokens_per_minute = {}, .concurrency = {}});
    int governed = 0;
    for (const Route& route : routes()) {
        const Next next =
            house.request(request_for(route, "authorization: Bearer " + house.secret + "\r\n"));
        EXPECT_EQ(next, Next::kDone) << route.path << ": a provider would have been called";
        if (route.access != Access::kGoverned) continue;
        ++governed;
        EXPECT_TRUE(house.out.starts_with("HTTP/1.1 429 ")) << route.path << "\n" << house.out;
    }
    EXPECT_GE(governed, 1);
}

TEST(Routes, AWrongMethodAndAWrongPathSayWhatWouldWork) {
    EXPECT_EQ(find_route(http::Method::kGet, "/v1/chat/completions").error().code,
              ErrorCode::kMethodNotAllowed);
    const Error missing = find_route(http::Method::kGet, "/v1/nothing").error();
    EXPECT_EQ(missing.code, ErrorCode::kRouteNotFound);
    EXPECT_NE(missing.message.find("/v1/models"), std::string::npos);
    EXPECT_TRUE(find_route(http::Method::kHead, "/healthz"));
}

TEST(Routes, EveryAnswerCarriesItsIdAndItsTiming) {
    House house;
    for (const Route& route : routes()) {
        house.request(request_for(route, "x-request-id: mine-1\r\n"));
        EXPECT_NE(house.out.find("\r\nx-request-id: mine-1\r\n"), std::string::npos) << house.out;
        EXPECT_NE(house.out.find("\r\nserver-timing: total;dur="), std::string::npos) << house.out;
    }
}

}  // namespace
}  // namespace vidai::node::exchange
