// SPDX-License-Identifier: Apache-2.0
// What one seed does to the mesh: swarm testing (Groce et al. 2012) draws not only the faults but
// also which kinds of fault a seed has at all, so that rare combinations get their turn. One
// thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "schema/vocabulary/time.h"

namespace vidai::sim {

inline constexpr std::chrono::seconds kFaultTime{30};
inline constexpr std::chrono::seconds kHealTime{15};

enum class FaultKind : std::uint8_t {
    kCrash,    // the process ends: the kernel closes its connections and refuses dials
    kVanish,   // the machine is gone: silence
    kPause,    // SIGSTOP, for `lasts`
    kRestart,  // same volume, next generation
    kMove,     // restart at another address; the old one is given to nobody
    kReuse,    // restart at the address that another dead node had
    kWipe,     // restart with an empty volume: new key, newer certificate, generation 1
    kSplit,    // nodes of `group` and the rest do not hear each other, for `lasts`
    kOneWay,   // what `node` sends to those of `group` is lost, for `lasts`
    kLeave,
};
const char* fault_name(FaultKind kind);

struct Fault {
    Duration at{};  // since the start
    FaultKind kind = FaultKind::kCrash;
    std::uint32_t node = 0;
    std::uint64_t group = 0;  // bit set of nodes
    Duration lasts{};
};

// How links behave while faults last; healing ends loss and tails, not latency.
struct LinkQuality {
    Duration latency{};  // one way
    Duration jitter{};
    double loss = 0;       // of a segment: costs a retransmission, never the data
    double duplicate = 0;  // of a message, as a careless adapter might
    double tail = 0;       // chance of a much longer delay
    Duration tail_max{};
    Duration user_timeout{};  // unacknowledged for so long, a connection is given up
};

struct Plan {
    std::uint64_t seed = 0;
    std::uint32_t nodes = 3;
    LinkQuality links;
    bool timers_first = false;  // what a paused process sees first when it wakes
    std::vector<Fault> faults;  // ascending
    // No loss, tails, pauses or partitions: nobody alive may ever be declared dead.
    bool calm() const;
    std::string describe() const;
};

// `nodes` 0: drawn from 2 to 10.
Plan draw_plan(std::uint64_t seed, std::uint32_t nodes);

}  // namespace vidai::sim
