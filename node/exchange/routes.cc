// SPDX-License-Identifier: Apache-2.0
#include "node/exchange/routes.h"

#include <array>
#include <string>

namespace vidai::node::exchange {
namespace {

using http::Method;
using request::Endpoint;

constexpr std::array kRoutes = {
    Route{Method::kPost, "/v1/chat/completions", Handler::kChatCompletions, Access::kGoverned,
          Endpoint::kChatCompletions},
    Route{Method::kGet, "/v1/models", Handler::kModels, Access::kKey, Endpoint::kModels},
    Route{Method::kGet, "/healthz", Handler::kHealthz, Access::kPublic, Endpoint::kHealth},
    Route{Method::kGet, "/readyz", Handler::kReadyz, Access::kPublic, Endpoint::kHealth},
};

}  // namespace

std::span<const Route> routes() {
    return kRoutes;
}

Result<const Route*> find_route(http::Method method, std::string_view path) {
    if (method == Method::kHead) method = Method::kGet;
    for (const Route& route : kRoutes) {
        if (route.path != path) continue;
        if (route.method == method) return &route;
        return fail(ErrorCode::kMethodNotAllowed,
                    std::string(path) + " answers " +
                        (route.method == Method::kGet ? "GET" : "POST") + " only");
    }
    std::string known;
    for (const Route& route : kRoutes) {
        if (!known.empty()) known += ", ";
        known += route.path;
    }
    return fail(ErrorCode::kRouteNotFound, "no such path; this gateway answers " + known);
}

}  // namespace vidai::node::exchange
