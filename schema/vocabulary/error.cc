// SPDX-License-Identifier: Apache-2.0
#include "schema/vocabulary/error.h"

#include "schema/vocabulary/check.h"

namespace vidai {

// NOLINTNEXTLINE(readability-function-size): one line a code, so that none is forgotten.
std::string_view error_code_name(ErrorCode code) {
    switch (code) {
        case ErrorCode::kInvalidRequest:
            return "invalid_request";
        case ErrorCode::kMissingField:
            return "missing_field";
        case ErrorCode::kMalformedHttp:
            return "malformed_http";
        case ErrorCode::kBodyTooLarge:
            return "body_too_large";
        case ErrorCode::kHeadersTooLarge:
            return "headers_too_large";
        case ErrorCode::kRequestTimeout:
            return "request_timeout";
        case ErrorCode::kRouteNotFound:
            return "route_not_found";
        case ErrorCode::kMethodNotAllowed:
            return "method_not_allowed";
        case ErrorCode::kModelNotFound:
            return "model_not_found";
        case ErrorCode::kMissingKey:
            return "missing_key";
        case ErrorCode::kInvalidKey:
            return "invalid_key";
        case ErrorCode::kModelNotAllowed:
            return "model_not_allowed";
        case ErrorCode::kPermissionDenied:
            return "permission_denied";
        case ErrorCode::kRequestLimit:
            return "request_limit";
        case ErrorCode::kTokenLimit:
            return "token_limit";
        case ErrorCode::kConcurrencyLimit:
            return "concurrency_limit";
        case ErrorCode::kOverloaded:
            return "overloaded";
        case ErrorCode::kDraining:
            return "draining";
        case ErrorCode::kNotReady:
            return "not_ready";
        case ErrorCode::kFenced:
            return "fenced";
        case ErrorCode::kBudgetExhausted:
            return "budget_exhausted";
        case ErrorCode::kBudgetUnknown:
            return "budget_unknown";
        case ErrorCode::kBudgetDeleted:
            return "budget_deleted";
        case ErrorCode::kBudgetBusy:
            return "budget_busy";
        case ErrorCode::kBudgetUnavailable:
            return "budget_unavailable";
        case ErrorCode::kPriceUnknown:
            return "price_unknown";
        case ErrorCode::kCostUnbounded:
            return "cost_unbounded";
        case ErrorCode::kUpstreamUnreachable:
            return "upstream_unreachable";
        case ErrorCode::kUpstreamTimeout:
            return "upstream_timeout";
        case ErrorCode::kUpstreamInterrupted:
            return "upstream_interrupted";
        case ErrorCode::kUpstreamInvalid:
            return "upstream_invalid";
        case ErrorCode::kUpstreamCredential:
            return "upstream_credential";
        case ErrorCode::kUpstreamError:
            return "upstream_error";
        case ErrorCode::kConfigInvalid:
            return "config_invalid";
        case ErrorCode::kIo:
            return "io";
        case ErrorCode::kCorrupt:
            return "corrupt";
        case ErrorCode::kProtocol:
            return "protocol";
        case ErrorCode::kUnauthenticated:
            return "unauthenticated";
        case ErrorCode::kNotFound:
            return "not_found";
        case ErrorCode::kAlreadyExists:
            return "already_exists";
        case ErrorCode::kConflict:
            return "conflict";
        case ErrorCode::kUnavailable:
            return "unavailable";
        case ErrorCode::kDeadlineExceeded:
            return "deadline_exceeded";
        case ErrorCode::kResourceExhausted:
            return "resource_exhausted";
        case ErrorCode::kCancelled:
            return "cancelled";
        case ErrorCode::kUsage:
            return "usage";
        case ErrorCode::kInternal:
            return "internal";
    }
    CHECK(false, "an ErrorCode outside the enumeration");
}

}  // namespace vidai
