// SPDX-License-Identifier: Apache-2.0
// What one seed of tier 2 does to its nodes: faults of hosts and paths, somebody who sits on a
// path, strangers who come to the door, and operators at work. Swarm testing (Groce et al. 2012): a
// seed has some kinds and not others. Drawn from the seed alone, trimmed by what the command line
// trims (plan.h). Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/vocabulary/time.h"
#include "tests/sim/plan.h"

namespace vidai::sim {

enum class Deed : std::uint8_t {
    // Of hosts and paths, for `lasts`.
    kCrash,      // SIGKILL; back on the same volume
    kWipe,       // the same, and the volume is lost
    kPowerLoss,  // the host says nothing any more, not even that a port is closed
    kMove,       // a crash, and back at an address that nobody had
    kReuse,      // a crash of it and of `other`: back at `other`'s address, who moves
    kImpostor,   // a crash, and somebody hostile listens where it was
    kPartition,  // from all others, both ways
    kOneWay,     // what it sends is lost
    kReset,      // its connections end in mid-message
    kMute,       // its port accepts and is silent
    kSlow,       // all it sends is late
    // Done to one message from `other` to `node`, by whoever sits between them.
    kFlip,     // one bit of it is turned over
    kRepeat,   // it comes twice
    kOmit,     // it does not come, the next one does
    kReflect,  // its sender gets it
    kSplice,   // it comes on another's connection too
    // Strangers who dial `node`.
    kGarbage,        // random bytes
    kTruncated,      // a part of a good first message, then silence
    kFlood,          // good first messages, one after the other
    kCrowd,          // many connections that are silent
    kReplay,         // what a real peer once said
    kForeign,        // of a mesh under another root
    kWrongMesh,      // of another mesh under this root
    kOtherMesh,      // says it is of this mesh, and its certificate is of another one
    kExpired,        // a certificate that is over
    kNotYet,         // and one that is not valid yet
    kUnconstrained,  // by an issuer that may not certify this
    kNoRole,         // a good one without a role that opens the door
    kStolen,         // a member's certificate without its key
    kRevoked,        // a good one whose key an operator revokes first
    kJoiner,         // of role join, but it calls what is for peers
    kObserver,       // of role observer, but it changes things
    // Operators.
    kKeyCreate,
    kKeyRevoke,  // of the first key that there is
    kSpend,      // a client uses the first key that there is
    kRevokeNode,
    kCount
};
std::string_view deed_name(Deed deed);
// Whether the node itself is down meanwhile.
constexpr bool is_absence(Deed deed) {
    return deed <= Deed::kImpostor;
}
constexpr bool is_fault(Deed deed) {
    return deed <= Deed::kSlow;
}
constexpr bool is_tampering(Deed deed) {
    return deed >= Deed::kFlip && deed <= Deed::kSplice;
}
constexpr bool is_stranger(Deed deed) {
    return deed >= Deed::kGarbage && deed <= Deed::kObserver;
}

struct Event {
    std::uint32_t number = 0;  // counted from 1, before anything is trimmed
    Duration at{};             // since the mesh has formed
    Deed deed = Deed::kCrash;
    std::size_t node = 0, other = 0;
    Duration lasts{};
    std::uint64_t seed = 0;  // for what is random about it
};

struct Story {
    std::uint64_t seed = 0;
    std::size_t nodes = 3;
    std::vector<Duration> clocks;  // each node's error
    std::vector<Event> events;     // ascending
    std::string describe() const;
};

Story draw_story(std::uint64_t seed, const Trim& trim = {});

}  // namespace vidai::sim
