// SPDX-License-Identifier: Apache-2.0
// The mesh as one node sees it: what workers read from a snapshot and operators are shown.
// Values; any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh {

// SWIM's states (Das, Gupta, Motivala 2002), with having left told apart from having died.
enum class MemberStatus : std::uint8_t { kJoining, kAlive, kSuspect, kDead, kLeft };
std::string_view member_status_name(MemberStatus status);  // "alive", ...

struct Member {
    NodeId id;
    std::string address;  // HOST:PORT that peers dial
    MemberStatus status = MemberStatus::kJoining;
    Generation generation;    // how often it was started
    Incarnation incarnation;  // how often it refuted a suspicion since
    bool self = false;
    bool connected = false;                        // this node holds a sealed connection to it
    std::optional<std::chrono::microseconds> rtt;  // of the last probes; unknown without any
    WallTime since;                                // when this node saw the status begin
    // By its own signed word; of a program from before profiles only the wire versions are known.
    std::uint16_t wire_min = 0, wire_max = 0;  // schema versions that it speaks
    std::string version{};                     // of its program; empty: unknown
    std::uint64_t capabilities = 0;            // mesh/capabilities.h
    bool aged = false;  // gone for over a day: out of probing and digests, dialled once a minute
    friend bool operator==(const Member&, const Member&) = default;
};

struct MeshView {
    MeshId mesh;
    NodeId self;
    std::vector<Member> members;        // ordered by id, this node among them, nothing forgotten
    std::size_t counting = 1;           // N: members whose counters arrive, this node included
    std::chrono::milliseconds delay{};  // D': how old a peer's counters may be here, measured
    std::uint64_t registers = 0;        // replicated records held, tombstones included
    std::uint64_t digest = 0;           // equal on two nodes exactly when their registers are equal
};

}  // namespace vidai::mesh
