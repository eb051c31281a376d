// SPDX-License-Identifier: Apache-2.0
#include "node/respond/catalogue.h"

#include <array>
#include <cstddef>

#include "schema/vocabulary/check.h"

namespace vidai::node::respond {

namespace {

using std::chrono::milliseconds;
using enum ErrorCode;

constexpr std::string_view kBad = "invalid_request_error";
constexpr std::string_view kAuth = "authentication_error";
constexpr std::string_view kRights = "permission_error";
constexpr std::string_view kServer = "server_error";
constexpr std::string_view kLimited = "rate_limit_exceeded";
constexpr std::string_view kMoney = "budget";

constexpr bool kRetry = true;
constexpr bool kNoRetry = false;
constexpr bool kCloses = true;
constexpr bool kStays = false;
constexpr bool kSaysWhy = true;
constexpr bool kSilent = false;
constexpr milliseconds kNoDelay{0};
constexpr milliseconds kSoon{250};
constexpr milliseconds kSecond{1'000};

// x-should-retry is false where the same request would fail again; on a provider's failure the
// gateway has already tried the other targets, and a later try may still succeed. A bug of ours is
// not retried: what broke once breaks three times.
constexpr std::array<CatalogueRow, kErrorCodeCount> kRows = {{
    {kInvalidRequest, 400, kBad, "invalid_request", kNoRetry, kNoDelay, kStays, kSaysWhy,
     "The request is not valid."},
    {kMissingField, 400, kBad, "missing_required_parameter", kNoRetry, kNoDelay, kStays, kSaysWhy,
     "A required field is missing."},
    {kMalformedHttp, 400, kBad, "malformed_http", kNoRetry, kNoDelay, kCloses, kSaysWhy,
     "The request is not well-formed HTTP/1.1."},
    {kBodyTooLarge, 413, kBad, "body_too_large", kNoRetry, kNoDelay, kCloses, kSaysWhy,
     "The request body is larger than this gateway accepts."},
    {kHeadersTooLarge, 431, kBad, "headers_too_large", kNoRetry, kNoDelay, kCloses, kSaysWhy,
     "The request has more header bytes or fields than this gateway accepts."},
    {kRequestTimeout, 408, kBad, "request_timeout", kRetry, kNoDelay, kCloses, kSaysWhy,
     "The request did not arrive whole in time."},
    {kRouteNotFound, 404, kBad, "route_not_found", kNoRetry, kNoDelay, kStays, kSaysWhy,
     "This gateway serves no such path. Chat is at POST /v1/chat/completions."},
    {kMethodNotAllowed, 405, kBad, "method_not_allowed", kNoRetry, kNoDelay, kStays, kSaysWhy,
     "The path exists, but not for this method."},
    {kModelNotFound, 404, kBad, "model_not_found", kNoRetry, kNoDelay, kStays, kSaysWhy,
     "This gateway serves no model of that name. GET /v1/models lists them."},
    {kMissingKey, 401, kAuth, "missing_api_key", kNoRetry, kNoDelay, kStays, kSilent,
     "No API key was sent. Send it as: Authorization: Bearer KEY."},
    {kInvalidKey, 401, kAuth, "invalid_api_key", kNoRetry, kNoDelay, kStays, kSilent,
     "The API key is not valid here: mistyped, expired or revoked."},
    {kModelNotAllowed, 403, kRights, "model_not_allowed", kNoRetry, kNoDelay, kStays, kSaysWhy,
     "The API key may not use this model. GET /v1/models lists those it may."},
    {kPermissionDenied, 403, kRights, "permission_denied", kNoRetry, kNoDelay, kStays, kSaysWhy,
     "The API key may not do this."},
    {kRequestLimit, 429, "requests", kLimited, kRetry, kSecond, kStays, kSaysWhy,
     "The limit of requests per minute is reached."},
    {kTokenLimit, 429, "tokens", kLimited, kRetry, kSecond, kStays, kSaysWhy,
     "The limit of tokens per minute is reached."},
    {kConcurrencyLimit, 429, "concurrency", kLimited, kRetry, kSecond, kStays, kSaysWhy,
     "The limit of requests in flight is reached."},
    {kOverloaded, 503, kServer, "overloaded", kRetry, kSecond, kStays, kSilent,
     "This gateway has more work than it can take. Try again shortly."},
    {kDraining, 503, kServer, "draining", kRetry, kSoon, kCloses, kSilent,
     "This gateway node is shutting down. Another node will take the request."},
    {kNotReady, 503, kServer, "not_ready", kRetry, kSecond, kStays, kSilent,
     "This gateway node is still starting."},
    {kFenced, 503, kServer, "fenced", kRetry, kSoon, kCloses, kSilent,
     "This gateway node was put out of its mesh and takes no requests. Another node will."},
    {kBudgetExhausted, 402, kMoney, "budget_exhausted", kNoRetry, kNoDelay, kStays, kSaysWhy,
     "A budget that the API key stands under has less left than this request may cost."},
    {kBudgetUnknown, 402, kMoney, "budget_unknown", kNoRetry, kNoDelay, kStays, kSaysWhy,
     "The API key stands under a budget that this mesh does not know."},
    {kBudgetDeleted, 402, kMoney, "budget_deleted", kNoRetry, kNoDelay, kStays, kSaysWhy,
     "The API key stands under a budget that has been deleted."},
    {kBudgetBusy, 429, kMoney, "budget_busy", kRetry, kSecond, kStays, kSaysWhy,
     "What is left of a budget that the API key stands under is reserved by other requests."},
    {kBudgetUnavailable, 503, kServer, "budget_unavailable", kRetry, kSecond, kStays, kSaysWhy,
     "A budget that the API key stands under cannot grant money just now."},
    {kPriceUnknown, 402, kMoney, "price_unknown", kNoRetry, kNoDelay, kStays, kSaysWhy,
     "The API key stands under a budget, and this gateway knows no price of the model."},
    {kCostUnbounded, 400, kBad, "cost_unbounded", kNoRetry, kNoDelay, kStays, kSaysWhy,
     "The API key stands under a budget, and nothing bounds what this request may cost."},
    {kUpstreamUnreachable, 502, kServer, "upstream_unreachable", kRetry, kNoDelay, kStays, kSilent,
     "No provider of this model could be reached."},
    {kUpstreamTimeout, 504, kServer, "upstream_timeout", kRetry, kNoDelay, kStays, kSilent,
     "The provider of this model did not answer in time."},
    {kUpstreamInterrupted, 502, kServer, "upstream_interrupted", kRetry, kNoDelay, kStays, kSilent,
     "The provider's answer broke off."},
    {kUpstreamInvalid, 502, kServer, "upstream_invalid", kRetry, kNoDelay, kStays, kSilent,
     "The provider's answer could not be understood."},
    {kUpstreamCredential, 502, kServer, "upstream_credential_refused", kNoRetry, kNoDelay, kStays,
     kSilent,
     "The provider of this model refused the gateway's own credential, not yours. The gateway's "
     "operator must renew it."},
    {kUpstreamError, 502, kServer, "upstream_error", kRetry, kNoDelay, kStays, kSilent,
     "The provider of this model answered with an error and no explanation that can be passed "
     "on."},
    {kConfigInvalid, 500, kServer, "config_invalid", kNoRetry, kNoDelay, kStays, kSilent,
     "This gateway is not configured correctly. Its log says where."},
    {kIo, 500, kServer, "io", kNoRetry, kNoDelay, kStays, kSilent,
     "This gateway failed to read or write. Its log says what."},
    {kCorrupt, 500, kServer, "corrupt", kNoRetry, kNoDelay, kStays, kSilent,
     "This gateway found stored data damaged. Its log says what."},
    {kProtocol, 502, kServer, "protocol", kRetry, kNoDelay, kStays, kSilent,
     "Another node of the mesh answered what makes no sense."},
    {kUnauthenticated, 401, kAuth, "unauthenticated", kNoRetry, kNoDelay, kStays, kSilent,
     "The caller could not be authenticated."},
    {kNotFound, 404, kBad, "not_found", kNoRetry, kNoDelay, kStays, kSaysWhy,
     "There is nothing of that name."},
    {kAlreadyExists, 409, kBad, "already_exists", kNoRetry, kNoDelay, kStays, kSaysWhy,
     "The name is taken."},
    {kConflict, 409, kBad, "conflict", kRetry, kNoDelay, kStays, kSaysWhy,
     "The state changed meanwhile. Read it again, then repeat the request."},
    {kUnavailable, 503, kServer, "unavailable", kRetry, kSecond, kStays, kSilent,
     "A part of the mesh that is needed here cannot be reached."},
    {kDeadlineExceeded, 504, kServer, "deadline_exceeded", kRetry, kNoDelay, kStays, kSilent,
     "The request took longer than it may."},
    {kResourceExhausted, 503, kServer, "resource_exhausted", kRetry, kSecond, kStays, kSilent,
     "This gateway node has reached one of its bounds. Try again shortly."},
    {kCancelled, 499, kBad, "cancelled", kNoRetry, kNoDelay, kCloses, kSilent,
     "The client closed the connection first."},
    {kUsage, 400, kBad, "usage", kNoRetry, kNoDelay, kStays, kSaysWhy, "The command is not valid."},
    {kInternal, 500, kServer, "internal_error", kNoRetry, kNoDelay, kStays, kSilent,
     "This gateway failed. The request id finds the reason in its log."},
}};

constexpr bool in_order() {
    for (std::size_t i = 0; i < kRows.size(); ++i) {
        if (static_cast<std::size_t>(kRows[i].error) != i) return false;
    }
    return true;
}
static_assert(in_order(), "row() indexes by the enumeration");

}  // namespace

std::span<const CatalogueRow> catalogue() {
    return kRows;
}

const CatalogueRow& row(ErrorCode error) {
    const auto index = static_cast<std::size_t>(error);
    CHECK(index < kRows.size());
    return kRows[index];
}

std::string_view client_message(const Error& error) {
    const CatalogueRow& entry = row(error.code);
    return entry.says_why && !error.message.empty() ? std::string_view(error.message)
                                                    : entry.message;
}

}  // namespace vidai::node::respond
