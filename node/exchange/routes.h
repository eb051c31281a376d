// SPDX-License-Identifier: Apache-2.0
// Every route of the client listener, in one list. Access is a property of the route, so that a
// test can walk the list and prove that none gets past authentication or admission. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "node/http/head.h"
#include "node/request/endpoint.h"
#include "schema/vocabulary/result.h"

namespace vidai::node::exchange {

enum class Access : std::uint8_t {
    kPublic,    // says nothing about any tenant and costs nothing
    kKey,       // needs a live key
    kGoverned,  // needs a live key and a Permit: it calls a provider
};

enum class Handler : std::uint8_t { kHealthz, kReadyz, kModels, kChatCompletions };

struct Route {
    http::Method method;  // GET also answers HEAD
    std::string_view path;
    Handler handler;
    Access access;
    request::Endpoint endpoint;
};

std::span<const Route> routes();

// kRouteNotFound, or kMethodNotAllowed when only the method is wrong; both name what would work.
Result<const Route*> find_route(http::Method method, std::string_view path);

}  // namespace vidai::node::exchange
