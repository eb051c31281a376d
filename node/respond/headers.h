// SPDX-License-Identifier: Apache-2.0
// The header lines that the gateway adds to a response, each appended whole ("name: value\r\n").
// No allocation but the growth of `out`. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "node/request/timing.h"
#include "node/respond/catalogue.h"
#include "schema/vocabulary/time.h"

namespace vidai::node::respond {

// `now` is just before the first response byte is sent. total = received to now, upstream = the
// provider's time to its first byte, auth/admit/route the steps before; a step that was not
// reached is left out. Milliseconds, three decimals (W3C Server Timing).
void append_server_timing(std::string& out, const request::Timing& timing, MonoTime now);

void append_request_id(std::string& out, std::string_view id);

enum class LimitUnit : std::uint8_t { kRequests, kTokens };
struct LimitState {
    std::int64_t limit = 0;
    std::int64_t remaining = 0;          // shown as 0 when negative
    std::chrono::milliseconds reset{0};  // until the limit is whole again
};
// x-ratelimit-{limit,remaining,reset}-{requests,tokens}; the reset as "120ms", "1s", "6m0s".
void append_rate_limit(std::string& out, LimitUnit unit, const LimitState& state);

// retry-after in seconds, rounded up, and retry-after-ms exactly. Nothing for 0 or less.
void append_retry_after(std::string& out, std::chrono::milliseconds delay);

// x-should-retry, and the delay: `retry_after` when above 0, else the row's own.
void append_retry(std::string& out, const CatalogueRow& row,
                  std::chrono::milliseconds retry_after = {});

// What a provider's error said of trying again; empty where it said nothing.
struct RetryAdvice {
    std::string_view should_retry = {};    // x-should-retry
    std::string_view retry_after = {};     // seconds, or a date (RFC 9110 10.2.3)
    std::string_view retry_after_ms = {};  // milliseconds
};
// The same for a client: x-should-retry always, by `status` as SDKs would when the provider does
// not say, and a delay in both units; a date stays as it is.
void append_retry_advice(std::string& out, int status, const RetryAdvice& advice);

}  // namespace vidai::node::respond
