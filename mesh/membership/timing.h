// SPDX-License-Identifier: Apache-2.0
// The protocol's arithmetic: how long to wait for what, by mesh size and health. Integer tables
// instead of floating logarithms, so that every build and platform decides alike. Pure; any thread.
#pragma once

#include <cstdint>

#include "mesh/membership/options.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::membership {

// 10 x log10(members), rounded, never below 10.
std::uint32_t log10_tenths(std::uint32_t members);

// How long a suspicion runs. `members` counts the living: alive and suspect, oneself included.
// `period` is what a probe of the suspect takes where we are well. It grows where its answers have
// lately come late, and the minimum with it: a connection that loses packets may be silent for
// longer than a refutation has time on a good one.
struct SuspicionTimes {
    std::uint32_t expected = 0;  // confirmations after which the minimum applies
    Duration min{};
    Duration max{};
};
SuspicionTimes suspicion_times(const Options& options, std::uint32_t members, std::uint32_t health,
                               Duration period);

// Lifeguard's decay: max - (max - min) x log(c + 1) / log(expected + 1).
Duration suspicion_timeout(const SuspicionTimes& times, std::uint32_t confirmations);

// Lifeguard's health multiplier is of no use without a third opinion: at most 1 for two members.
std::uint32_t health_cap(const Options& options, std::uint32_t members);
std::uint32_t helper_count(const Options& options, std::uint32_t members);
// How often this node passes a rumor on before it forgets it.
std::uint32_t transmissions(const Options& options, std::uint32_t members);

// What one peer's direct probes taught us. `high` decays from the worst sample seen, which stands
// in for the p99 that a few probes a minute could not estimate: a link that goes on being late is
// remembered as such, and what one pause held up is forgotten within some twenty answers.
struct RoundTrip {
    Duration smooth{0};  // 0: none yet
    Duration high{0};
    void add(Duration sample);
};
// Unhurried by health: the caller multiplies.
Duration probe_timeout(const Options& options, const RoundTrip& rtt);
// From one probe to the next: long enough for the direct and the indirect half, stretched by
// health, and bounded by what health alone could make of the interval, so that a lossy link and a
// slow node together cannot put detection off for minutes.
Duration probe_period(const Options& options, Duration timeout, std::uint32_t health);

}  // namespace vidai::mesh::membership
