// SPDX-License-Identifier: Apache-2.0
#include "bench/load/report.h"

#include <memory>
#include <sstream>

namespace vidai::bench::load {
namespace {

void write_histogram(std::ostream& out, const char* name, const Histogram& histogram) {
    const auto sum = std::make_unique<HistogramSum>();
    histogram.add_to(*sum);
    if (sum->count() == 0) return;
    const auto us = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e3; };
    out << ",\n \"" << name << "\": {\"count\": " << sum->count()
        << ", \"mean\": " << us(sum->sum() / sum->count());
    for (const auto& [label, q] :
         {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}}) {
        out << ", \"" << label << "\": " << us(sum->quantile(q));
    }
    out << ", \"max\": " << us(sum->max()) << "}";
}

}  // namespace

std::string report_json(const Options& options, const Report& report) {
    std::ostringstream out;
    const double seconds = std::chrono::duration<double>(report.window).count();
    const auto per = [](std::uint64_t a, std::uint64_t b) {
        return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
    };
    out.precision(7);
    out << "{\"mode\": \"" << (options.rate == 0 ? "closed" : "open")
        << "\", \"connections\": " << options.connections
        << ", \"offered_per_second\": " << options.rate << ", \"seconds\": " << seconds
        << ",\n \"requests\": " << report.requests << ", \"requests_per_second\": "
        << (seconds == 0 ? 0 : static_cast<double>(report.requests) / seconds)
        << ",\n \"errors\": {\"status\": " << report.wrong_status
        << ", \"first_status\": " << report.first_wrong_status
        << ", \"length\": " << report.wrong_length << ", \"broken\": " << report.broken
        << ", \"unfinished\": " << report.unfinished << "}, \"reconnects\": " << report.reconnects
        << ", \"late_sends\": " << report.late_sends << ",\n \"events\": " << report.events
        << ", \"events_per_second\": "
        << (seconds == 0 ? 0 : static_cast<double>(report.events) / seconds)
        << ", \"reads\": " << report.reads
        << ", \"reads_per_event\": " << per(report.reads, report.events)
        << ",\n \"own_cpu_ns\": " << report.own_cpu_ns << ", \"generator_core_use\": "
        << per(report.own_cpu_ns + report.beside_cpu_ns,
               static_cast<std::uint64_t>(report.window.count()));
    if (!options.watch.empty()) {
        const auto window_ns = static_cast<std::uint64_t>(report.window.count());
        out << ", \"watched_cpu_ns\": " << report.watched_cpu_ns
            << ", \"watched_core_use\": " << per(report.watched_cpu_ns, window_ns)
            << ", \"watched_cpu_us_per_request\": "
            << per(report.watched_cpu_ns, report.requests) / 1e3
            << ", \"watched_cpu_us_per_event\": "
            << per(report.watched_cpu_ns, report.events) / 1e3;
    }
    write_histogram(out, "latency_us", report.latency);
    write_histogram(out, "first_event_us", report.first_event);
    write_histogram(out, "gateway_total_us", report.gateway_total);
    write_histogram(out, "gateway_overhead_us", report.gateway_overhead);
    out << "}\n";
    return out.str();
}

}  // namespace vidai::bench::load
