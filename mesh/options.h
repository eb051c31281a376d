// SPDX-License-Identifier: Apache-2.0
// What a node must know to be part of a mesh. Each timing's default is the design's start value;
// the simulator is where they are tuned.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mesh/clock.h"
#include "mesh/membership/options.h"

namespace vidai::mesh {

struct MeshOptions {
    std::string node_id;  // empty: the host name
    std::string listen_address = "0.0.0.0";
    std::uint16_t listen_port = 7420;         // 0: any free port
    std::string advertise;                    // HOST:PORT peers dial; empty: the listening address
    std::vector<std::string> seeds;           // HOST:PORT; re-resolved for ever
    std::string data_dir = "/var/lib/vidai";  // identity, generation, registers
    std::string root_file;    // mesh root public key and mesh id, from `vidaictl mesh init`
    std::string issuer_file;  // delegated issuer key and certificate that certifies this node
    membership::Options membership;               // its sync_interval is that of registers too
    std::chrono::milliseconds push_interval{50};  // coalescing of counters
    // A node that starts is not ready before a peer has told it all keys and counts, or this long
    // where none can be reached.
    std::chrono::milliseconds join_patience{5'000};
    std::string program_version;  // what `vidaictl mesh status` shows
    // A join token: text that a node without an issuer file needs once, to be certified by one that
    // has it. Secret. Not looked at once there is a certificate that is still good.
    std::string join;
    // Asked on the thread that calls Mesh::start(), some times a second while that joins by the
    // token; true: it shall end with kCancelled. Nothing: it never shall.
    std::function<bool()> give_up;
    // Of the calls of providers that this node made, what it keeps on its volume: at most so much,
    // and nothing older.
    std::uint64_t usage_bytes_max = 4ULL << 30;
    std::chrono::milliseconds usage_keep{std::chrono::days(90)};
    // That this node's log of budgets may grow by before it goes on in a next one; its journal,
    // twice that beyond what is needed of it, before it is written anew.
    std::uint64_t budget_log_bytes = 16U << 20;
    bool enabled = false;  // a node on its own: nothing listens on the mesh port
    // The oldest that a connection to a peer may grow before both prove again who they are.
    std::chrono::milliseconds reauthenticate{std::chrono::hours(24)};
    std::shared_ptr<const Clock> clock = system_clock();  // never null
};

}  // namespace vidai::mesh
