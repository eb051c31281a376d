// SPDX-License-Identifier: Apache-2.0
// What a run saw, and its JSON. A value; one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "bench/load/options.h"
#include "schema/base/histogram.h"

namespace vidai::bench::load {

// All counts are of the measured window.
struct Report {
    std::chrono::nanoseconds window{0};
    std::uint64_t requests = 0;  // answered well
    std::uint64_t wrong_status = 0;
    std::uint64_t wrong_length = 0;
    std::uint64_t broken = 0;      // connections that ended or spoke nonsense in an answer
    std::uint64_t unfinished = 0;  // due in the window, unanswered when waiting for them ended
    std::uint64_t reconnects = 0;
    std::uint64_t late_sends = 0;  // open loop: had to wait for a free connection
    std::uint64_t events = 0;      // server-sent events
    std::uint64_t reads = 0;       // reads that returned bytes of answers
    std::uint64_t watched_cpu_ns = 0;
    std::uint64_t own_cpu_ns = 0;
    std::uint64_t beside_cpu_ns = 0;
    int first_wrong_status = 0;
    Histogram latency;           // ns; see --help for what it counts from
    Histogram first_event;       // ns, streams: to the first event
    Histogram gateway_total;     // ns, Server-Timing
    Histogram gateway_overhead;  // ns, Server-Timing: total less upstream
};

std::string report_json(const Options& options, const Report& report);

}  // namespace vidai::bench::load
