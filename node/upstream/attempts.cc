// SPDX-License-Identifier: Apache-2.0
#include "node/upstream/attempts.h"

#include <algorithm>

#include "schema/vocabulary/check.h"

namespace vidai::node::upstream {
namespace {

constexpr int kServerErrorFirst = 500;

ErrorCode error_for(const Event& event) {
    switch (event.outcome) {
        case Outcome::kResolveFailed:
        case Outcome::kConnectFailed:
        case Outcome::kTlsFailed:
            return ErrorCode::kUpstreamUnreachable;
        case Outcome::kConnectTimeout:
        case Outcome::kFirstByteTimeout:
        case Outcome::kTotalTimeout:
        case Outcome::kIdleTimeout:
            return event.forwarded ? ErrorCode::kUpstreamInterrupted : ErrorCode::kUpstreamTimeout;
        case Outcome::kSendFailed:
        case Outcome::kClosedBeforeFirstByte:
        case Outcome::kBroken:
            return ErrorCode::kUpstreamInterrupted;
        case Outcome::kMalformed:
            return ErrorCode::kUpstreamInvalid;
        case Outcome::kStatus:
            break;
    }
    CHECK(false, "a status is forwarded, not an error of ours");
}

// An idle connection that the provider closed just as we wrote to it: says nothing about either.
bool is_stale_connection(const Event& event) {
    return event.reused_connection && (event.outcome == Outcome::kClosedBeforeFirstByte ||
                                       event.outcome == Outcome::kSendFailed);
}

}  // namespace

std::string_view outcome_name(Outcome outcome) {
    switch (outcome) {
        case Outcome::kResolveFailed:
            return "resolve_failed";
        case Outcome::kConnectFailed:
            return "connect_failed";
        case Outcome::kConnectTimeout:
            return "connect_timeout";
        case Outcome::kTlsFailed:
            return "tls_failed";
        case Outcome::kSendFailed:
            return "send_failed";
        case Outcome::kFirstByteTimeout:
            return "first_byte_timeout";
        case Outcome::kClosedBeforeFirstByte:
            return "closed_before_first_byte";
        case Outcome::kBroken:
            return "broken";
        case Outcome::kIdleTimeout:
            return "idle_timeout";
        case Outcome::kMalformed:
            return "malformed_http";
        case Outcome::kTotalTimeout:
            return "total_timeout";
        case Outcome::kStatus:
            break;
    }
    return "status";
}

StatusKind status_kind(int status) {
    switch (status) {
        case 401:
        case 403:
            return StatusKind::kCredential;
        case 404:
            return StatusKind::kModel;
        case 408:
        case 429:
        case 500:
        case 502:
        case 503:
        case 504:
        case 529:
            return StatusKind::kTrouble;
        default:
            return StatusKind::kAnswer;
    }
}

Attempts::Attempts(std::span<const std::uint16_t> endpoints, std::uint32_t attempts_max,
                   Health& health)
    : size_(endpoints.size()), attempts_max_(attempts_max), health_(health) {
    CHECK(size_ > 0 && size_ <= kTargetsMax && attempts_max > 0);
    std::ranges::copy(endpoints, endpoints_.begin());
}

std::size_t Attempts::first(MonoTime now) {
    CHECK(made_ == 0, "first() is for the first attempt");
    begin(*choose(now));
    return current_;
}

void Attempts::begin(std::size_t target) {
    current_ = target;
    tried_.set(target);
    ++made_;
}

// The first untried target in use, else the first untried one: an ejected target is better than
// no answer at all.
std::optional<std::size_t> Attempts::choose(MonoTime now) const {
    std::optional<std::size_t> ejected;
    for (std::size_t i = 0; i < size_; ++i) {
        if (tried_[i]) continue;
        if (health_.usable(endpoints_[i], now)) return i;
        if (!ejected) ejected = i;
    }
    return ejected;
}

Verdict Attempts::try_another_or(Verdict otherwise, MonoTime now) {
    const std::optional<std::size_t> another = made_ < attempts_max_ ? choose(now) : std::nullopt;
    if (!another) return otherwise;
    begin(*another);
    return {.step = Step::kTryNext, .target = *another};
}

Verdict Attempts::next(const Event& event, MonoTime now) {
    CHECK(made_ > 0, "nothing was attempted");
    const std::uint16_t endpoint = endpoints_[current_];
    if (event.outcome == Outcome::kStatus) {
        CHECK(!event.forwarded, "a response head comes before its bytes");
        return next_after_status(event.status, now);
    }
    if (is_stale_connection(event) && !fresh_retry_used_) {
        fresh_retry_used_ = true;
        return {.step = Step::kTrySameFresh, .target = current_};
    }
    health_.failed(endpoint, now);
    const Verdict fail{.step = Step::kFail, .target = current_, .error = error_for(event)};
    // The client has part of an answer, or has waited for as long as one may take.
    if (event.forwarded || event.outcome == Outcome::kTotalTimeout) return fail;
    return try_another_or(fail, now);
}

Verdict Attempts::next_after_status(int status, MonoTime now) {
    const StatusKind kind = status_kind(status);
    const bool broken = kind == StatusKind::kTrouble && status >= kServerErrorFirst;
    if (broken || kind == StatusKind::kCredential) {
        health_.failed(endpoints_[current_], now);
    } else {
        health_.succeeded(endpoints_[current_]);  // 429 too: it is there, and says how it is
    }
    const Verdict forward{.step = Step::kForward, .target = current_};
    if (kind == StatusKind::kAnswer) return forward;
    if (kind != StatusKind::kCredential) return try_another_or(forward, now);
    return try_another_or(
        {.step = Step::kFail, .target = current_, .error = ErrorCode::kUpstreamCredential}, now);
}

std::string describe(ErrorCode error, std::uint32_t attempts) {
    const std::string after =
        attempts > 1 ? " (" + std::to_string(attempts) + " targets were tried)" : "";
    switch (error) {
        case ErrorCode::kUpstreamTimeout:
            return "the provider did not answer in time" + after + "; try again later";
        case ErrorCode::kUpstreamInterrupted:
            return "the provider's answer broke off" + after + "; try again";
        case ErrorCode::kUpstreamCredential:
            return "the provider refused the gateway's own credential" + after +
                   "; the gateway's operator must renew it";
        case ErrorCode::kUpstreamInvalid:
            return "the provider's answer could not be understood" + after + "; try again later";
        default:
            return "the provider cannot be reached" + after + "; try again later";
    }
}

}  // namespace vidai::node::upstream
