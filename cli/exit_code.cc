// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.h"

namespace vidai::cli {
namespace {

constexpr ExitMeaning kMeanings[] = {
    {kExitOk, "done"},
    {kExitError, "an error that the other numbers do not name"},
    {kExitUsage, "the command line is wrong; nothing was sent"},
    {kExitNotFound, "no such node, key or context"},
    {kExitUnavailable,
     "no node answered, or not in time; trying again is safe for all but "
     "`key create`, which may have made a key"},
    {kExitNotPermitted, "not authenticated, or not allowed to do this"},
    {kExitFindings,
     "the answer is that something is wrong: `mesh doctor` has a warning or an error"},
};

}  // namespace

// No default: a new ErrorCode does not compile before it has a line here.
int exit_code(ErrorCode code) {
    switch (code) {
        case ErrorCode::kUsage:
            return kExitUsage;
        case ErrorCode::kNotFound:
        case ErrorCode::kRouteNotFound:
        case ErrorCode::kModelNotFound:
            return kExitNotFound;
        case ErrorCode::kUnavailable:
        case ErrorCode::kDeadlineExceeded:
        case ErrorCode::kRequestTimeout:
        case ErrorCode::kOverloaded:
        case ErrorCode::kDraining:
        case ErrorCode::kNotReady:
        case ErrorCode::kFenced:
        case ErrorCode::kBudgetUnavailable:
        case ErrorCode::kUpstreamUnreachable:
        case ErrorCode::kUpstreamTimeout:
            return kExitUnavailable;
        case ErrorCode::kUnauthenticated:
        case ErrorCode::kPermissionDenied:
        case ErrorCode::kMissingKey:
        case ErrorCode::kInvalidKey:
        case ErrorCode::kModelNotAllowed:
            return kExitNotPermitted;
        case ErrorCode::kInvalidRequest:
        case ErrorCode::kMissingField:
        case ErrorCode::kMalformedHttp:
        case ErrorCode::kBodyTooLarge:
        case ErrorCode::kHeadersTooLarge:
        case ErrorCode::kMethodNotAllowed:
        case ErrorCode::kRequestLimit:
        case ErrorCode::kTokenLimit:
        case ErrorCode::kConcurrencyLimit:
        case ErrorCode::kBudgetExhausted:
        case ErrorCode::kBudgetUnknown:
        case ErrorCode::kBudgetDeleted:
        case ErrorCode::kBudgetBusy:
        case ErrorCode::kPriceUnknown:
        case ErrorCode::kCostUnbounded:
        case ErrorCode::kUpstreamInterrupted:
        case ErrorCode::kUpstreamInvalid:
        case ErrorCode::kUpstreamCredential:
        case ErrorCode::kUpstreamError:
        case ErrorCode::kConfigInvalid:
        case ErrorCode::kIo:
        case ErrorCode::kCorrupt:
        case ErrorCode::kProtocol:
        case ErrorCode::kAlreadyExists:
        case ErrorCode::kConflict:
        case ErrorCode::kResourceExhausted:
        case ErrorCode::kCancelled:
        case ErrorCode::kInternal:
            return kExitError;
    }
    return kExitError;
}

std::span<const ExitMeaning> exit_meanings() {
    return kMeanings;
}

}  // namespace vidai::cli
