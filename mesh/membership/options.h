// SPDX-License-Identifier: Apache-2.0
// Every knob of the membership protocol and how to choose it. The defaults are meant for 2 to a
// few hundred nodes in one region. All nodes of a mesh should run the same values: one that probes
// more slowly only detects more slowly, but one that suspects faster than its peers refute lies.
#pragma once

#include <chrono>
#include <cstdint>

namespace vidai::mesh::membership {

struct Options {
    // One member is probed per interval; detection time and idle traffic both follow it. Lower for
    // faster detection on a quiet network, higher where CPU stalls of this length are common.
    std::chrono::milliseconds probe_interval{500};
    // A probe waits max(min, 4 x high RTT of that peer), at most max, for the direct answer, then
    // as long again or to the end of the interval for the indirect one. Raise the minimum above
    // the longest usual scheduling pause; the maximum bounds what a lossy link can make us wait.
    std::chrono::milliseconds probe_timeout_min{100};
    std::chrono::milliseconds probe_timeout_max{1'000};
    // Members asked to probe on our behalf: min(this, N - 2). More helpers, fewer false
    // suspicions, and traffic only when a probe fails.
    std::uint32_t helpers = 3;
    // Lifeguard: unanswered probes wait up to this many times longer while we ourselves seem slow.
    std::uint32_t health_max = 8;

    // A suspect is declared dead after `max` probe intervals, after `min` once `confirmations`
    // others agree (fewer when fewer exist; later, at most `max`, where its answers are late, or
    // it is new at its address and has not answered yet).
    // Above 10 members both grow with log10 N. Lower `min` for faster detection; a process paused
    // for longer than it is declared dead, then returns.
    std::uint32_t suspicion_min_intervals = 3;
    std::uint32_t suspicion_max_intervals = 12;
    std::uint32_t confirmations = 3;
    // Two members, so no third opinion: this many intervals, doubled while we seem slow.
    std::uint32_t suspicion_lone_intervals = 6;
    // Nobody left to ask: refusals of fresh dials by all over at least this time prove a crash.
    std::chrono::milliseconds lone_refusal_window{1'000};

    // Up to this many members each event goes to all at once; above, to `fanout` members each
    // gossip_interval, `retransmit` x (1 + log10 N) times per node.
    std::uint32_t push_all_max = 10;
    std::uint32_t fanout = 4;
    std::uint32_t retransmit = 4;
    std::chrono::milliseconds gossip_interval{150};
    // Rosters are compared with one random member this often, and on each new connection.
    std::chrono::milliseconds sync_interval{5'000};

    // One dead, left or never met member, or a seed, is dialled after a random time between these,
    // for ever: that is what heals a partition of any length.
    std::chrono::milliseconds redial_min{1'000};
    std::chrono::milliseconds redial_max{5'000};
    // Who has been gone for this long is aged: no news, so left out of state exchange, and dialled
    // each `aged_redial_interval` only, for ever all the same. Counted anew after a restart.
    std::chrono::milliseconds aged_after{std::chrono::hours(24)};
    std::chrono::milliseconds aged_redial_interval{60'000};
    // A live member whose connection broke is dialled at once, then this often.
    std::chrono::milliseconds reconnect_interval{250};
    std::chrono::milliseconds dial_timeout{3'000};
    // Between the farewell and kSelfLeft, so that it reaches the wire.
    std::chrono::milliseconds leave_linger{200};

    // Up to this many members each has a connection to every other; a tenth above it, and until
    // they are so few again, each keeps about `connections_max` and dials when it has something to
    // say: a probe, or one made for another. The least recently used idle one is closed. At most
    // `dials_max` dials are under way then, beside the probe's.
    std::uint32_t full_mesh_max = 100;
    std::uint32_t connections_max = 64;
    std::uint32_t dials_max = 16;

    // Roster bound. An authenticated mesh grows by certificates, so this is a fuse, not a limit.
    std::uint32_t members_max = 10'000;
};

}  // namespace vidai::mesh::membership
