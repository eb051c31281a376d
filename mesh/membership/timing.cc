// SPDX-License-Identifier: Apache-2.0
#include "mesh/membership/timing.h"

#include <algorithm>
#include <array>

#include "schema/base/mutant.h"

namespace vidai::mesh::membership {
namespace {

struct Step {
    std::uint32_t members, tenths;
};
constexpr std::array<Step, 12> kLog10{{{10, 10},
                                       {20, 13},
                                       {30, 15},
                                       {50, 17},
                                       {100, 20},
                                       {200, 23},
                                       {300, 25},
                                       {500, 27},
                                       {1000, 30},
                                       {2000, 33},
                                       {5000, 37},
                                       {10000, 40}}};

// 1024 x log(c + 1) / log(k + 1) for k = 1..4 expected and c = 1..k received.
constexpr std::uint32_t kDecay[4][4] = {{1024, 1024, 1024, 1024},
                                        {646, 1024, 1024, 1024},
                                        {512, 811, 1024, 1024},
                                        {441, 699, 882, 1024}};

}  // namespace

std::uint32_t log10_tenths(std::uint32_t members) {
    std::uint32_t tenths = 10;
    for (const Step& step : kLog10) {
        if (members >= step.members) tenths = step.tenths;
    }
    return tenths;
}

SuspicionTimes suspicion_times(const Options& options, std::uint32_t members, std::uint32_t health,
                               Duration period) {
    const Duration interval = options.probe_interval;
    if (members <= 2) {
        const Duration lone = interval * options.suspicion_lone_intervals;
        const Duration all = lone * (1 + std::min(health, 1U));
        return {.expected = 0, .min = all, .max = all};
    }
    const Duration min = interval * options.suspicion_min_intervals * log10_tenths(members) / 10;
    // Above ten members rumors take longer, so that the patient end grows a little more.
    const std::uint32_t above = members > 10 ? 5 : 4;
    const Duration max =
        min * options.suspicion_max_intervals * above / (options.suspicion_min_intervals * 4U);
    const Duration late = period * options.suspicion_min_intervals * log10_tenths(members) / 10;
    const std::uint32_t others = members - 2;
    return {.expected = std::min({options.confirmations, others, 4U}),
            .min = std::min(std::max(min, late), max),
            .max = max};
}

Duration suspicion_timeout(const SuspicionTimes& times, std::uint32_t confirmations) {
    if (VIDAI_MUTANT("suspicion-without-timeout")) return std::chrono::hours(1000);
    if (times.expected == 0 || confirmations == 0) return times.max;
    if (confirmations >= times.expected) return times.min;
    const std::uint32_t decay = kDecay[times.expected - 1][confirmations - 1];
    return times.max - (times.max - times.min) * decay / 1024;
}

std::uint32_t health_cap(const Options& options, std::uint32_t members) {
    if (members <= 1) return 0;
    return members == 2 ? std::min(options.health_max, 1U) : options.health_max;
}

std::uint32_t helper_count(const Options& options, std::uint32_t members) {
    if (members <= 2) return 0;
    return std::min(options.helpers + (members > 100 ? 1U : 0U), members - 2);
}

std::uint32_t transmissions(const Options& options, std::uint32_t members) {
    return options.retransmit * (log10_tenths(members) / 10 + 1);
}

void RoundTrip::add(Duration sample) {
    sample = std::max(sample, Duration(1));
    smooth = smooth.count() == 0 ? sample : smooth + (sample - smooth) / 8;
    high = std::max(sample, high - high / 8);
}

Duration probe_timeout(const Options& options, const RoundTrip& rtt) {
    // Nothing known yet: half an interval, so that the first answer is seen and measured.
    const Duration guess = options.probe_interval / 2;
    return std::clamp<Duration>(rtt.high.count() == 0 ? guess : 4 * rtt.high,
                                options.probe_timeout_min, options.probe_timeout_max);
}

Duration probe_period(const Options& options, Duration timeout, std::uint32_t health) {
    const Duration interval = options.probe_interval;
    const Duration longest = std::max(interval * (options.health_max + 1), 2 * timeout);
    return std::min(std::max(interval, 2 * timeout) * (health + 1), longest);
}

}  // namespace vidai::mesh::membership
