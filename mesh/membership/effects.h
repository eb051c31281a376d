// SPDX-License-Identifier: Apache-2.0
// What the membership core wants done. Every input appends to a vector that the caller owns and
// reuses; the adapter performs the effects in order, and none of them fails back into the core
// except through an input. Mesh thread.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "mesh/membership/claim.h"
#include "mesh/membership/message.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::membership {

// To a member that on_connected() named. Dropped silently by the adapter where the connection is
// gone: loss is a thing that the protocol knows.
struct Send {
    NodeId to;
    Message message;
};

// Open a connection. `expected` is empty for a seed, whose name is resolved anew each time, best
// to an address that no connection leads to yet (none left: answer kRejected without dialling); the
// handshake says who answered. Ends in exactly one of on_connected() (of whoever answered) or
// on_dial_failed() with this very value, within `timeout`.
struct Dial {
    std::string address;  // HOST:PORT
    NodeId expected;
    Duration timeout{};
    friend bool operator==(const Dial&, const Dial&) = default;
};

// Close the connection to a member; messages given before it need not arrive. Where there is none
// any more: nothing. on_disconnected() may follow and means nothing.
struct Close {
    NodeId peer;
};

// Opaque. Carries a generation, so that a timer that was overtaken by events is ignored: the
// adapter never cancels one.
struct TimerToken {
    std::uint64_t value = 0;
    friend auto operator<=>(const TimerToken&, const TimerToken&) = default;
};
// Call on_timer(token) at or soon after `at`, once; a little before it does no harm.
struct ArmTimer {
    TimerToken token;
    MonoTime at;
};

enum class EventKind : std::uint8_t {
    kJoined,       // a member not known before
    kAlive,        // alive again, or in a new generation
    kSuspect,      // accused; `by` is the accuser
    kDead,         // `by` is who concluded it
    kLeft,         // said goodbye
    kUpdated,      // a newer claim of a live member: address, versions, refutation
    kSelfRefuted,  // this node answered an accusation by `by`
    kSuperseded,   // another process holds this identity in a newer life: this one must stop
    kSelfLeft,     // the farewell has been sent: connections may be closed
    kPaused,       // this process did not run for a while; nobody is blamed for that time
    kForgotten,    // removed from the roster for good by an operator
    kSetBack,      // of this node: `version` is of an earlier process with its key that has counted
                   // as many starts or more; it goes on in a generation above that one's
};
std::string_view event_name(EventKind kind);  // "joined", ...
// Whether claims() are others than before: what is on disk is to be written anew.
bool changes_claims(EventKind kind);

// For logs, metrics, and the roster on disk.
struct Event {
    EventKind kind = EventKind::kJoined;
    NodeId subject;
    Version version{};
    NodeId by;              // may be empty
    bool new_life = false;  // of kAlive: another process than was known
};
struct Notify {
    Event event;
};

using Effect = std::variant<Send, Dial, Close, ArmTimer, Notify>;
using Effects = std::vector<Effect>;

}  // namespace vidai::mesh::membership
