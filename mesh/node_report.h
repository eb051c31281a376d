// SPDX-License-Identifier: Apache-2.0
// What one node knows of itself and of each connection, for `vidaictl mesh doctor`, which asks all
// nodes and compares. Facts only, judged by cli/doctor. Values; any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mesh/service.h"
#include "mesh/view.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh {

struct PeerReport {
    Member member;               // never the node that reports
    WallTime certificate_until;  // epoch: unknown
    // Registers: since it last answered with all that we lacked, and whether the digests were
    // equal then. Unknown on a connection that has not seen a comparison yet.
    std::optional<std::chrono::milliseconds> synced_ago;
    std::optional<bool> digest_match;
    // Counters: since it last pushed some; and since when it has been owed some of ours, 0 when it
    // has acknowledged everything.
    std::optional<std::chrono::milliseconds> counters_heard_ago;
    std::chrono::milliseconds counters_owed{};
    // Its clock minus ours, halfway through a round trip; positive: it is ahead.
    std::optional<std::chrono::milliseconds> clock_offset;
    friend bool operator==(const PeerReport&, const PeerReport&) = default;
};

// An issuer's key, by its certificate.
struct IssuerReport {
    std::string fingerprint;  // empty: none, or a program that does not say
    WallTime since;           // of two the later one is the newer
    std::string pattern;      // which node ids it may certify, one '*' at most
    friend bool operator==(const IssuerReport&, const IssuerReport&) = default;
};

// A node's part in hard budgets. As here where the mesh has none.
struct MoneyReport {
    bool begun = false;     // it takes part
    std::string frozen;     // why it neither spends nor lends of any budget, for a person; or empty
    bool disowned = false;  // frozen because its log is not what others know: no disk is to blame
    // Buckets that it owns and can lend of; that nobody it reaches does, for 3 s: others are on
    // their way between two.
    std::uint32_t owned = 0, unowned = 0;
    std::vector<BudgetId> cut_off;         // the first of those that its keys name and nobody owns
    std::uint32_t custodians = 0;          // that are to keep copies of its log
    std::vector<std::string> away;         // of them not connected: nodes, or keys of their volumes
    std::uint32_t needed = 0;              // custodians without whom nothing of its log commits
    std::uint32_t wanted = 0, others = 0;  // custodians of a log; connected nodes that could be
    friend bool operator==(const MoneyReport&, const MoneyReport&) = default;
};
inline constexpr std::size_t kCutOffMax = 16;  // budgets that a report names

// A node's record of the calls that it made, and of copies of others'. The counts of its process.
struct RecordReport {
    std::uint64_t lost = 0;                    // calls that could not be recorded
    std::uint64_t in_doubt = 0;                // recorded calls of which no other node has a copy
    std::chrono::milliseconds in_doubt_for{};  // for which the first of these is the same one
    bool keeper = false;                       // another node keeps copies for it
    std::uint32_t damaged = 0;                 // files that the last report could not read all of
    std::uint64_t unreadable_bytes = 0;        // of these
    std::uint64_t copies_failed = 0;           // batches of others' that its disk did not take
    friend bool operator==(const RecordReport&, const RecordReport&) = default;
};

// A data directory that was put back: the start that this process took itself for by its disk, and
// one that the others knew of under the same key.
struct SetBack {
    Generation disk, known;
    friend bool operator==(const SetBack&, const SetBack&) = default;
};

// Whom a node has turned away, or was turned away by, for one reason.
struct RefusalReport {
    std::string reason;  // its stable name, as in vidai_mesh_refusals_total
    std::uint64_t count = 0;
    std::string last;  // the latest one's address, or node where that is proved
    friend bool operator==(const RefusalReport&, const RefusalReport&) = default;
};
inline constexpr std::chrono::minutes kRefusalsLately{10};

struct NodeReport {
    MeshId mesh;
    Member self;
    std::string version;                       // of its program
    std::uint16_t wire_min = 0, wire_max = 0;  // schema versions that it speaks
    WallTime clock;                            // when it wrote this
    WallTime certificate_until;
    std::uint32_t health = 0;  // Lifeguard's local health multiplier: 0 is well
    std::uint64_t registers = 0;
    std::uint64_t digest = 0;  // equal on two nodes exactly when their registers are equal
    std::chrono::milliseconds digest_interval{}, push_interval{};
    // Fingerprints of the newest root that it knows and of the one that its certificate is under,
    // and whether it can certify others under the newest; empty: a program that does not say.
    std::string root, certified_root;
    std::string key;  // its own, a fingerprint; empty: a program that does not say
    bool issuer = false;
    IssuerReport certified_by;  // the issuer that this node's certificate is by; or none
    IssuerReport held;          // the one that it certifies others by; or none
    std::string alone;          // that it has company, is connected to none, and why; or empty
    std::string unsaved;        // why keys and counts could not be written last; or empty
    std::optional<SetBack> set_back;  // of this process; nothing: it is not so, or it does not say
    std::string not_ready;            // why it does not serve, for a person; empty: it does
    std::optional<Service> service;   // what it does for clients; nothing: its program does not say
    std::optional<MoneyReport> money;     // nothing: its program does not say
    std::optional<RecordReport> usage;    // the same
    std::vector<RefusalReport> refusals;  // of the last kRefusalsLately; the most first
    std::vector<PeerReport> peers;        // everybody else it knows, ordered by id
    friend bool operator==(const NodeReport&, const NodeReport&) = default;
};

// The answer to a request to drain.
struct Draining {
    NodeId node;           // that drains: the one that answered
    bool already = false;  // it was asked before
};

}  // namespace vidai::mesh
