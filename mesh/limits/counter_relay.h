// SPDX-License-Identifier: Apache-2.0
// CounterRelay: how counts get further than this node's connections, in a mesh that is too large
// for a connection to everybody. Rumor mongering of the infect-and-die kind (Demers et al. 1987):
// an origin signs what it has counted and tells `fanout` of its connections; whoever hears a batch
// for the first time tells as many of its own, once, at its next push interval. That reaches all
// but a few; those ask for what they lack (counter_puller.h). Below `full_mesh_max` nodes nothing
// is signed or relayed: everybody is told directly (counter_fanout.h).
//
// A relay cannot make up what others counted: only what its origin signed is believed or passed on.
// What that costs is bounded, whoever lies: an origin signs, and is heard, at most once per
// spacing(); a teller of forgeries is not listened to for a while; and what this node passes on
// keeps to a budget, by telling fewer when there is much.
// Pure: the adapter makes the calls; they are not repeated. Mesh thread only.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mesh/limits/counter_store.h"
#include "mesh/state/random_peers.h"
#include "schema/base/token_bucket.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::limits {

using BatchSignature = std::array<std::uint8_t, 64>;  // ed25519

// Cells of one origin, in its own words.
struct SignedBatch {
    CellBatch batch;
    std::uint64_t sequence = 0;  // the origin's count of what it has signed in this generation
    BatchSignature signature{};  // over signed_bytes()
    friend bool operator==(const SignedBatch&, const SignedBatch&) = default;
};
using SignedBatchRef = std::shared_ptr<const SignedBatch>;

// The one encoding that is signed: every field but the signature, each string with its length in
// front. The caller adds its domain separation.
std::string signed_bytes(const SignedBatch& said);

enum class Authorship : std::uint8_t {
    kGenuine,
    kForged,   // the key that membership knows `said.batch.node` by did not sign this
    kUnknown,  // membership knows no such node (yet): nothing is verified, nobody to blame
};

// Pure functions handed in, so that the core owns neither keys nor a crypto library.
struct RelayCrypto {
    std::function<BatchSignature(const SignedBatch& said)> sign;
    std::function<Authorship(const SignedBatch& said)> verify;
};

struct RelayOptions {
    std::uint32_t full_mesh_max = 100;  // as membership::Options has it
    // A rumor that each node tells f others misses about e^-f of them: of a thousand nodes a third
    // of one, who asks. Half as many would leave one node in fifty to ask.
    std::uint32_t fanout = 8;
    // What this node can verify, of all origins together: the more there are, the less often each
    // signs. About 60 us each, so an eighth of a core at worst.
    double verified_per_second = 2'000;
    // What this node passes on, all copies together; a cell is about 48 bytes. A burst of twice
    // as many lets a thousand nodes count at once and tell it to all.
    double cells_per_second = 20'000, cells_burst = 40'000;
    std::size_t cells_max = 256;                  // of one batch, and about of one call
    std::size_t origins_max = 10'000;             // remembered, as many as a roster may have
    std::uint32_t forgeries_max = 8;              // then a teller is not listened to,
    Duration distrust = std::chrono::minutes(1);  // for so long
};

// A signed batch weighs this much of a call besides its cells.
inline constexpr std::size_t kSignedBatchCells = 4;

// Batches for one peer. Not repeated, whatever comes of it.
struct RelayCall {
    NodeId to;
    std::vector<SignedBatchRef> batches;
};
using RelayCalls = std::vector<RelayCall>;

struct RelayCounters {
    std::uint64_t signed_here = 0, verified = 0;
    std::uint64_t repeated = 0;  // heard again
    std::uint64_t refused = 0;   // malformed, forged, of nobody known, too many, or of a forger
    // Tellings, and those for which there was no budget or room.
    std::uint64_t passed_on = 0, dropped = 0;
};

class CounterRelay {
  public:
    // How many more cells a connected peer can be sent now without delaying what is urgent.
    using Room = std::function<std::size_t(const NodeId& peer)>;

    CounterRelay(CounterStore& store, RelayCrypto crypto, const RelayOptions& options,
                 std::uint64_t seed);  // store outlives it

    void on_connected(const NodeId& peer) { peers_.add(peer); }
    void on_disconnected(const NodeId& peer) { peers_.remove(peer); }
    // What `from` passed on or signed. Merges what is new and genuine, as its origin's own word,
    // and keeps it for the next interval.
    MergeCount on_relay(const NodeId& from, const SignedBatchRef& told, MonoTime now,
                        WallTime wall);
    // Each push interval, after CounterFanout's; `nodes` as in CounterStore::collect().
    RelayCalls on_interval(MonoTime now, WallTime wall, std::uint32_t nodes, const Room& room);

    bool relays() const { return nodes_ > options_.full_mesh_max; }
    // How often an origin may sign, in a mesh of so many.
    Duration spacing() const;
    // At most about this many tellings from an origin to the last who is not left out; 0 where
    // everybody is told directly.
    std::uint32_t hops() const;
    const RelayCounters& counters() const { return counters_; }

  private:
    // Which of an origin's batches have been heard: an anti-replay window (RFC 4303, 3.4.3).
    struct Origin {
        Generation generation;
        std::uint64_t highest = 0;
        std::uint64_t heard = 0;  // bit i: highest - i
        TokenBucket batches;
    };
    struct Teller {
        std::uint32_t forgeries = 0;
        MonoTime since{};
    };
    struct Fresh {
        SignedBatchRef said;
        NodeId from;
    };
    static bool repeats(const Origin& origin, const SignedBatch& said);
    static void note(Origin& origin, const SignedBatch& said);
    RateLimit quota() const;  // of one origin, in batches
    bool distrusted(const NodeId& from, MonoTime now);
    void forged(const NodeId& from, MonoTime now);
    Origin& origin_of(const NodeId& node);
    void sign_own(MonoTime now, WallTime wall);
    std::size_t spend_budget(MonoTime now);
    void tell(const NodeId& to, std::size_t room, RelayCalls& out);

    CounterStore& store_;
    const RelayCrypto crypto_;
    const RelayOptions options_;
    state::RandomPeers peers_;
    std::uint32_t nodes_ = 1;
    std::map<NodeId, Origin> origins_;
    std::map<NodeId, Teller> tellers_;  // of forgeries
    std::vector<Fresh> fresh_;          // for the next interval
    // Own changes: all up to `told_` have been signed, and after it those of keys up to `after_`.
    std::uint64_t told_ = 0, upto_ = 0;
    KeyId after_;
    std::uint64_t sequence_ = 0;
    MonoTime sign_at_{};
    double budget_ = 0;  // cells
    MonoTime budget_at_{};
    RelayCounters counters_;
};

}  // namespace vidai::mesh::limits
