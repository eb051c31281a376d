// SPDX-License-Identifier: Apache-2.0
// What one worker counts. Plain single-writer counters, no lock and no allocation after
// construction; the scraper sums all workers' (metrics.h). The worker writes, any thread reads.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "node/observe/series.h"
#include "node/request/endpoint.h"
#include "node/request/usage.h"
#include "schema/base/counter.h"
#include "schema/base/heartbeat.h"
#include "schema/base/histogram.h"
#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::node::observe {

// How one provider call ended.
enum class Outcome : std::uint8_t {
    kOk,           // 2xx, whole
    kRefused,      // the provider answered 4xx
    kFailed,       // the provider answered 5xx
    kUnreachable,  // resolve, connect or TLS failed
    kTimeout,
    kInterrupted,  // the answer broke off
    kInvalid,      // the answer could not be understood
    kCancelled,    // the client went away
};
inline constexpr std::size_t kOutcomeCount = 8;

// Why a request was refused before any provider was called.
enum class Refusal : std::uint8_t {
    kRequestLimit,
    kTokenLimit,
    kConcurrencyLimit,
    kOverloaded,
    kUnauthenticated,
    kModelNotAllowed,
    kBudgetExhausted,
    kBudgetUnknown,
    kBudgetDeleted,
    kBudgetBusy,
    kBudgetUnavailable,
    kPriceUnknown,
    kCostUnbounded,
};
inline constexpr std::size_t kRefusalCount = 13;

// A histogram with exact, fixed upper bounds, as OpenTelemetry mandates some.
template <std::size_t N>
class FixedHistogram {
  public:
    void record(const std::array<std::uint64_t, N>& bounds, std::uint64_t value) {
        const auto at = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
        counts_[static_cast<std::size_t>(at)].add();
        sum_.add(value);
    }
    std::uint64_t count(std::size_t bucket) const { return counts_[bucket].get(); }  // N: above all
    std::uint64_t sum() const { return sum_.get(); }

  private:
    std::array<Counter, N + 1> counts_;
    Counter sum_;
};

// Mandated bounds of the gen_ai histograms: tokens as powers of 4, durations in nanoseconds.
inline constexpr auto kTokenBounds = [] {
    std::array<std::uint64_t, 14> bounds{};
    for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] = std::uint64_t{1} << (2 * i);
    return bounds;
}();
inline constexpr auto kDurationBounds = [] {
    std::array<std::uint64_t, 14> bounds{};
    for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] = std::uint64_t{10'000'000} << i;
    return bounds;
}();
inline constexpr std::array<std::uint64_t, 16> kFirstTokenBounds = {
    1'000'000,     5'000'000,     10'000'000,    20'000'000,    40'000'000,  60'000'000,
    80'000'000,    100'000'000,   250'000'000,   500'000'000,   750'000'000, 1'000'000'000,
    2'500'000'000, 5'000'000'000, 7'500'000'000, 10'000'000'000};

// Counted per alias and provider (series.h).
struct TargetMetrics {
    std::array<Counter, kOutcomeCount> attempts;
    Counter input_tokens, cached_input_tokens, output_tokens, reasoning_tokens;
    Counter unpriced_tokens;   // of a target without a price
    Counter estimated_tokens;  // the provider did not say; part of the above
    Counter cost_micro_usd;
    FixedHistogram<kTokenBounds.size()> input_sizes, output_sizes;
    FixedHistogram<kDurationBounds.size()> duration;       // whole provider call
    FixedHistogram<kFirstTokenBounds.size()> first_token;  // send to first byte
};

// Of requests whose keys stand under hard budgets. One that stands under several counts once.
struct BudgetMetrics {
    Counter hot;       // covered by what this node held
    Counter parked;    // waited for money, whatever came of it
    Counter waiting;   // gauge: wait now
    Counter crowded;   // refused without a wait: as many waited as may
    Counter clamps;    // got a bound of their output, for lack of money
    Counter cuts;      // streams ended here, for they went on beyond what was reserved
    Counter overruns;  // charged more than was reserved
    // Went on though a budget lacked the money, for it is only observed; by what it lacked first.
    Counter would_exhausted, would_busy, would_unavailable;
    Counter reserved_micro_usd, spent_micro_usd;
    Histogram wait;  // nanoseconds, of those that waited
};

struct EndpointMetrics {
    std::array<Counter, 6> status;  // by class: [2] is 2xx; [0] is "answered nothing"
    // Nanoseconds, as Server-Timing defines them: recv of the whole request to first byte sent.
    Histogram total, upstream, overhead;
    Histogram duration;  // to the last byte, streams included
};

class WorkerMetrics {
  public:
    // Just before the first byte of a response goes out. `upstream` is 0 when none was called.
    void response_started(request::Endpoint endpoint, unsigned status, Duration total,
                          Duration upstream);
    // After its last byte, or when the client went away.
    void response_finished(request::Endpoint endpoint, Duration duration);

    // One provider call has ended. `first_byte` 0: none came.
    void attempt_done(std::uint16_t series, Outcome outcome, Duration duration,
                      Duration first_byte);
    // What one request used, once settled.
    void used(std::uint16_t series, const request::Usage& usage, bool priced, MicroUsd cost);
    void refused(Refusal reason) { refusals[static_cast<std::size_t>(reason)].add(); }

    Heartbeat heart;
    std::array<EndpointMetrics, request::kEndpointCount> endpoints;
    std::array<TargetMetrics, kSeriesMax> targets;
    std::array<Counter, kRefusalCount> refusals;
    BudgetMetrics budgets;
    Counter retries;            // provider calls after the first of a request
    Counter upstream_connects;  // new connections
    Counter upstream_reuses;    // calls on a kept connection
    Counter client_accepts;
    Counter client_connections;  // gauge: open now
    Counter client_malformed;    // connections closed because their HTTP could not be read
    Counter streams;             // gauge: event streams being relayed now
    Counter client_bytes_in, client_bytes_out;
    Counter upstream_bytes_in, upstream_bytes_out;
};

}  // namespace vidai::node::observe
