// SPDX-License-Identifier: Apache-2.0
// What one seed does to the mesh: swarm testing (Groce et al. 2012) draws not only the faults but
// also which kinds of fault a seed has at all, so that rare combinations get their turn. A plan
// that failed is trimmed by options that the command line knows too, so that what is left of it can
// be replayed. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
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
    kReaddress,  // another address while it runs, as a renewed lease gives
    kReset,      // what sits between two nodes resets their connection
    kClock,      // its wall clock steps by `lasts`
    kStall,      // too little processor: it runs for 100 ms of each 600, for `lasts`
    kForge,      // a liar hands it a claim about somebody that the subject has not signed
    kRenew,      // its certificate is renewed while it runs
    // These break what nodes rely on: one process for each identity, and a generation that the
    // volume never forgets. What must hold all the same: doubles.cc.
    kOldDisk,  // restart from a copy of the volume as it was `lasts` before
    kClone,    // another process runs from a copy of the volume, elsewhere, for `lasts`
    // Revocation joins here, with its rule that the revoked stay out.
};
inline constexpr int kFaultKinds = static_cast<int>(FaultKind::kClone) + 1;
const char* fault_name(FaultKind kind);

struct Fault {
    Duration at{};  // since the start
    FaultKind kind = FaultKind::kCrash;
    std::uint32_t node = 0;
    std::uint64_t group = 0;  // bit set of nodes, repeated beyond 64 of them
    Duration lasts{};
};

// How links behave while faults last; healing ends all but latency.
struct LinkQuality {
    Duration latency{};  // one way
    Duration jitter{};
    double loss = 0;       // of a segment: costs a retransmission, never the data
    double duplicate = 0;  // of a message, as a careless adapter might
    double tail = 0;       // chance of a much longer delay
    Duration tail_max{};
    Duration user_timeout{};  // unacknowledged for so long, a connection is given up
    Duration rto_max = std::chrono::seconds(120);  // 1 s on kernels since Linux 6.15
    std::uint64_t bytes_per_second = 0;  // of each direction of each connection; 0: no limit
};

// Requests that clients make while faults last, and the limits they are held to.
struct Traffic {
    std::uint32_t keys = 0;  // 0: no traffic
    std::uint32_t requests_per_minute = 0;
    std::uint64_t tokens_per_minute = 0;  // 0: no such limit
    double offered = 0;                   // requests a second, all keys and nodes together
    std::uint32_t burst = 1;              // of so many at once
    double to_one = 0;                    // chance that a burst is one node's alone
    Duration hold_max{};                  // a request is settled within
};

struct Plan {
    std::uint64_t seed = 0;
    std::uint32_t nodes = 3;
    LinkQuality links;
    Traffic traffic;
    std::uint32_t connections = 0;  // that each node keeps about; 0: one to everybody
    bool registers = false;         // are written while faults last
    Duration clocks_apart{};        // the wall clocks of nodes differ by up to
    Duration into_minute{};         // since a minute turned, when the run begins
    bool mixed = false;             // about half of the nodes begin with a program of version 1
    bool timers_first = false;      // what a paused process sees first when it wakes
    Duration timers_off{};          // the membership's timers fire early or late by up to
    std::vector<Fault> faults;      // ascending
    // No loss, tails, pauses or partitions: nobody alive may ever be declared dead, but where
    // links are full.
    bool calm() const;
    std::uint32_t clones() const;               // processes, beside the nodes'
    bool is_doubled(std::uint32_t node) const;  // at some time by an old or a cloned disk
    std::string describe() const;
};

// What a plan is reduced to.
struct Trim {
    std::uint32_t nodes = 0;  // 0: drawn, 2 to 10
    // Faults that are kept, counted from 1 in the order in which the plan shows them; nothing: all.
    std::optional<std::vector<std::uint32_t>> only;
    std::uint32_t halvings = 0;     // of how long faults last
    std::uint32_t connections = 0;  // 0: as drawn
    bool plain_links = false;       // no loss, duplicates, tails, and no limit of rate
    bool no_traffic = false;
    bool one_clock = false;
    bool plain_budgets = false;  // of tier money: one a request, never renewed, never deleted
    // As the command line says it; empty: nothing is trimmed.
    std::string describe() const;
};

Plan draw_plan(std::uint64_t seed, const Trim& trim = {});

}  // namespace vidai::sim
