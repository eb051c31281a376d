// SPDX-License-Identifier: Apache-2.0
// The one closed list of expected failures, and the value that carries one. Each outer surface
// has exactly one table over it: HTTP and SSE in node/respond, RPC in mesh/wire, exit codes in
// cli. A value type; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vidai {

enum class ErrorCode : std::uint16_t {
    // What a caller sent is wrong.
    kInvalidRequest,    // malformed JSON, field of the wrong type, bad value
    kMissingField,      // a required field is absent
    kMalformedHttp,     // framing is lost: the connection closes
    kBodyTooLarge,      // body beyond the configured bound
    kHeadersTooLarge,   // head beyond the configured bytes or fields
    kRequestTimeout,    // the client took too long to send its request
    kRouteNotFound,     // no such path
    kMethodNotAllowed,  // path exists, method does not
    kModelNotFound,     // no alias of that name
    // Who asked may not.
    kMissingKey,        // no credential was sent
    kInvalidKey,        // unknown, malformed, revoked or expired
    kModelNotAllowed,   // the key's allow-list lacks the model
    kPermissionDenied,  // authenticated, but the role does not allow it
    // Not now.
    kRequestLimit,      // requests per minute
    kTokenLimit,        // tokens per minute
    kConcurrencyLimit,  // requests in flight
    kOverloaded,        // this node sheds load
    kDraining,          // this node is leaving
    kNotReady,          // this node has not finished starting
    kFenced,            // this node was put out of its mesh
    // The money of a budget that the key stands under.
    kBudgetExhausted,    // less is left than this request may cost
    kBudgetUnknown,      // nobody here knows it: absence is a refusal
    kBudgetDeleted,      // an operator has deleted it
    kBudgetBusy,         // what is left is reserved by others
    kBudgetUnavailable,  // its owner cannot be asked or cannot grant
    kPriceUnknown,       // nobody here knows what the model costs
    kCostUnbounded,      // nothing bounds what the request may cost
    // The provider.
    kUpstreamUnreachable,  // resolve, connect or TLS failed on every target
    kUpstreamTimeout,      // a phase of the provider call ran out of time
    kUpstreamInterrupted,  // the provider's answer broke off
    kUpstreamInvalid,      // the provider's answer could not be understood
    kUpstreamCredential,   // the provider refused the gateway's own credential
    kUpstreamError,        // the provider answered an error that is no OpenAI error
    // The system.
    kConfigInvalid,      // configuration does not say a valid thing
    kIo,                 // a system call failed
    kCorrupt,            // stored bytes fail their checksum or structure
    kProtocol,           // a peer broke a protocol
    kUnauthenticated,    // a peer or operator could not prove who it is
    kNotFound,           // no such key, node or limit
    kAlreadyExists,      // the name is taken
    kConflict,           // the state moved on; read again
    kUnavailable,        // the other side cannot be reached
    kDeadlineExceeded,   // the deadline passed first
    kResourceExhausted,  // a bound of this process was reached
    kCancelled,          // whoever asked went away
    kUsage,              // a command line is wrong
    kInternal,           // a bug of ours
};
inline constexpr int kErrorCodeCount = static_cast<int>(ErrorCode::kInternal) + 1;

// The code's stable lower-case name, e.g. "model_not_found"; what logs, RPC and programs match on.
std::string_view error_code_name(ErrorCode code);

struct Error {
    ErrorCode code = ErrorCode::kInternal;
    std::string message;  // one sentence for a person: what was wrong, where, what to do
    std::string param;    // the field, option or path at fault; may be empty

    friend bool operator==(const Error&, const Error&) = default;
};

}  // namespace vidai
