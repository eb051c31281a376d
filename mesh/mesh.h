// SPDX-License-Identifier: Apache-2.0
// Mesh: a node's door to the others. It owns the mesh thread, which keeps membership, replicates
// keys, exchanges counters and answers operators; workers only ever read snapshots and add to
// atomics, so nothing here makes a request wait for gossip or a disk.
//
// A node without a root file and without seeds is a mesh of one: at its first start it makes a
// root of its own in its data directory, exactly as `vidaictl mesh init` would, and says so
// (Notice::kGenesis). It listens to no peers; operators reach it through the socket in the data
// directory, and keys work as in any mesh.
//
// The thread that calls start() also calls leave() and destroys; the rest is for any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mesh/operator.h"
#include "mesh/options.h"
#include "mesh/service.h"
#include "mesh/view.h"
#include "schema/base/heartbeat.h"
#include "schema/base/metric_family.h"
#include "schema/base/snapshot.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh::state {
class KeyTable;  // mesh/state/key_table.h
}
namespace vidai::mesh::budget {
class BudgetTable;  // mesh/budget/budget_table.h
class Cashier;      // mesh/budget/cashier.h
}  // namespace vidai::mesh::budget
namespace vidai::mesh::usage {
class Recorder;  // mesh/usage/recorder.h
}
namespace vidai::mesh::pricing {
struct RateCard;  // mesh/pricing/rate_card.h
}
namespace vidai::mesh::limits {
class CounterTable;  // mesh/limits/counter_table.h
}

namespace vidai::mesh {

// Something a log should say.
struct Notice {
    enum class Kind : std::uint8_t {
        kGenesis,       // a mesh of one was made; subject: the data directory
        kJoining,       // subject: where; a token is asked with, message: why in vain so far
        kStarted,       // subject: the node id; what: the mesh port
        kMember,        // subject: a node id; what: "joined", "alive", "suspect", "dead", "left",
                        // "updated", "self_refuted", "superseded", "self_left", "paused",
                        // "forgotten" or "draining"
        kPeerRefused,   // subject: an address; what: a stable reason such as "wrong_mesh"
        kTrouble,       // subject: an address or node id; a peer cannot be reached or broke a rule
        kMemberKey,     // subject: a node id, whose key is another one now; what: "taken_over", or
                        // "rotated" where the node had said so by the key before
        kKeyChanged,    // subject: a key id; what: "created" or "revoked", here or elsewhere
        kLimitChanged,  // subject: a limit's name; what: "set" or "deleted", here or elsewhere
        kCardApplied,   // subject: a version of the mesh's rate card; what: "applied" or
                        // "withdrawn", here or elsewhere. applied_card() has it already.
        // subject: a budget; what: "set" or "deleted", by an operator who asked this node
        kBudgetChanged,
        kStateSaved,   // subject: the snapshot file
        kStateFailed,  // subject: the snapshot file; it is tried again
        kMoney,        // subject: a log, by the fingerprint of its volume's key and its generation;
                       // what: "opened", "sealed", "taken_over" or "superseded"
        // subject: a budget; what: a percentage of its limit, which its window has reached. Once
        // each in the whole mesh, at the node that owns it; `threshold` says more.
        kBudgetThreshold,
        kUsageFailed,  // subject: the folder of usage; message: why calls go unrecorded
        kSuperseded,   // subject: this node; must_stop() says why
        kIdentity,     // subject: a node's, operator's or issuer's name; what: "revoked",
                       // "forgotten", of this node "self_revoked", by an operator's statement;
                       // "certified", with a join token or anew; "token_unused", of this node;
                       // "root_rolled", subject the new root's fingerprint; or of this node
                       // "issuer_reloaded", from its file, and "key_rotated"
    };
    Kind kind = Kind::kTrouble;
    std::string subject;
    std::string what;
    std::string message;  // one sentence for a person; may be empty
    struct Threshold {
        std::uint8_t percent = 0;
        MicroUsd limit, used;      // used: spent, or stranded
        std::uint32_t window = 0;  // its ordinal
        std::string node;          // this one
    };
    std::optional<Threshold> threshold{};
};

// Called on the mesh thread, of what start() does on the thread that calls it, and of usage on its
// own; must not block.
using NoticeSink = std::function<void(const Notice&)>;

class Mesh {
  public:
    // Takes the data directory, loads or makes this node's identity, raises its generation, loads
    // the registers, binds the ports and starts the mesh thread. Nobody hears of the node before
    // join(), so that one which cannot serve its clients never shows up in its peers' rosters.
    // kConfigInvalid, kIo (in use by another process, port taken), kCorrupt (a stored file is
    // damaged; the message says how to go on), kUnauthenticated (identity and root do not match),
    // and what joining by a token comes to (mesh/admission/joining.h).
    static Result<std::unique_ptr<Mesh>> start(const MeshOptions& options, NoticeSink sink);

    // What can be known to be wrong with the options without touching the data directory: the same
    // errors as start() gives for the root and issuer files.
    static Result<void> check(const MeshOptions& options);

    // Answers peers and dials seeds from here on; what that brings comes later. Once.
    void join();

    // Stops without a word to the others, as a crash would, but for saving the registers.
    ~Mesh();
    Mesh(const Mesh&) = delete;
    Mesh& operator=(const Mesh&) = delete;

    // Tells the peers that this node leaves on purpose, pushes its last counters and saves.
    // Blocks until that is done, at most `deadline`. Once; snapshots and counters stay readable.
    void leave(std::chrono::milliseconds deadline);

    const NodeId& self() const;
    std::uint16_t mesh_port() const;             // bound; 0 in a mesh of one
    const std::string& operator_socket() const;  // path of the local operator's Unix socket

    // What workers read and write; all of it outlives leave() and dies with this object.
    const Snapshot<state::KeyTable>& keys() const;
    const Snapshot<MeshView>& view() const;
    limits::CounterTable& counters();
    const Snapshot<budget::BudgetTable>& budgets() const;
    budget::Cashier& cashier();
    // The rate card that holds in the whole mesh; without a price: none was applied. A node holds
    // it to others only once it is here.
    const Snapshot<pricing::RateCard>& applied_card() const;
    // By which past calls are priced anew when an operator asks for it.
    void set_pricer(usage::Pricer pricer);
    // What operators are shown as this node's own, which holds where that one has no price.
    void show_own_card(OwnCard card);
    usage::Recorder& usage();  // what is recorded is written before this object is gone

    // Beats four times a second while the mesh thread is well.
    const Heartbeat& heartbeat() const;

    // Why this process must end at once and without leave(); empty: it need not. Another process
    // has taken over this node's identity.
    std::string must_stop() const;
    // Whether this node takes requests. Workers read it with each; dies with this object.
    const std::atomic<Service>& service() const;
    // Why this node is not ready to serve, for a person; empty: it is. Never about its peers.
    std::string not_ready() const;
    // An operator wants this node to drain and leave, and to take connections for that much longer
    // after it has said that it is not ready. Nothing: nobody does.
    std::optional<std::chrono::milliseconds> drain_asked() const;
    // Current values of the mesh's metrics, every one of metric_catalogue() present.
    std::vector<MetricFamily> metrics() const;
    // The same families without samples, for documentation.
    static std::vector<MetricFamily> metric_catalogue();

  private:
    struct Impl;
    explicit Mesh(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace vidai::mesh
