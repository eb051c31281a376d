// SPDX-License-Identifier: Apache-2.0
// Replica: what this node holds of the mesh's shared state: the signed registers, the keys they
// say there are, and the counters of those keys. It keeps the three in step and publishes the key
// table. No I/O, no clock: times are arguments. Mesh thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "mesh/admission/identities.h"
#include "mesh/limits/counter_store.h"
#include "mesh/limits/limit_book.h"
#include "mesh/operator.h"
#include "mesh/seal/certificate.h"
#include "mesh/seal/keys.h"
#include "mesh/state/card_shelf.h"
#include "mesh/state/hlc.h"
#include "mesh/state/key_table.h"
#include "mesh/state/register_set.h"
#include "schema/base/snapshot.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::rpc {

// Live keys and tombstones together; mesh/state allows a little more, so that a merge of two full
// nodes still fits.
inline constexpr std::size_t kKeysMax = 100'000;

// Who signs what this node writes.
struct Author {
    NodeId node;
    std::shared_ptr<const seal::SecretKey> key;
    std::shared_ptr<const seal::Bytes> chain;
};

struct KeyChange {
    KeyId key;
    bool revoked = false;
};

struct MergeReport {
    std::vector<KeyChange> changes;
    std::vector<state::LimitRecord> limits;  // as they are now
    std::vector<state::CardRecord> cards;
    bool genesis = false;  // another volume begins the money, or the first does
    std::vector<admission::IdentityChange> identities;
    std::vector<state::RegisterName> news;  // what was applied
    std::size_t applied = 0, known = 0, refused = 0;
    std::optional<Error> first_refusal;
    std::vector<Error> forks;  // of roots: an alarm, whichever of the two is followed
};

// What a bound is computed from besides the key's own history.
struct CountingFacts {
    std::uint32_t nodes = 1;      // N
    Duration delay{};             // D', measured
    Duration skew{};              // greatest difference between clocks seen
    std::uint32_t crashes = 0;    // nodes lost, with what they had not told, while it still counts
    std::uint32_t confirmed = 1;  // members that have neither left nor been removed
};

class Replica {
  public:
    Replica(std::shared_ptr<seal::Roots> roots, Author author, Generation generation,
            limits::CounterTable& table, Snapshot<state::KeyTable>& keys,
            limits::CounterStore::Members members = {});

    void set_author(Author author) { author_ = std::move(author); }
    const Author& author() const { return author_; }
    // What was stored; believed as it is.
    std::vector<admission::IdentityChange> load(std::vector<state::Register> stored, WallTime wall,
                                                MonoTime now);
    // What a peer sent; each register is verified first.
    MergeReport merge(std::vector<state::Register> received, WallTime wall, MonoTime now);

    // kInvalidRequest, kResourceExhausted.
    Result<CreatedKey> create(const KeyCreateRequest& wanted, WallTime wall, MonoTime now);
    // kNotFound; revoking twice changes nothing.
    Result<state::KeyRecord> revoke(const KeyId& id, WallTime wall, MonoTime now);
    Result<LimitReport> limits_of(const KeyId& id, const CountingFacts& facts, WallTime wall) const;

    // kNotFound, kConflict, kInvalidRequest, kResourceExhausted.
    Result<LimitChange> change_limit(LimitOp op, state::LimitRecord wanted, WallTime wall,
                                     MonoTime now);
    const limits::LimitBook& limits() const { return book_; }
    Result<LimitStanding> standing_of(const std::string& name, const CountingFacts& facts,
                                      WallTime wall) const;

    // A rate card for the whole mesh, from now on; an empty text: none. kInvalidRequest with what
    // is wrong, each with its line; kResourceExhausted.
    Result<CardChange> apply_card(const std::string& text, std::string by, WallTime wall);
    const state::CardShelf& cards() const { return cards_; }

    // The ledger key of the volume that begins the mesh's money; nothing: none has said so.
    const std::optional<seal::PublicKey>& genesis() const { return genesis_; }
    // The money has begun there: from now on no other volume is believed to begin it.
    void settle_genesis() { genesis_settled_ = genesis_.has_value(); }
    // Says that `ledger`, this node's, does. CHECKs that nobody has. kResourceExhausted.
    Result<state::RegisterName> write_genesis(const seal::PublicKey& ledger, WallTime wall);

    // Drops operators' statements whose time is over.
    void collect(WallTime wall);
    // Signs anew what a key signed that has been revoked since, or stood under a root that another
    // one follows, so that nodes which never saw the old signature believe it too; at most `most`,
    // and which those were.
    std::vector<state::RegisterName> resign(std::size_t most, WallTime wall, MonoTime now);

    // Publishes a key table if keys have changed since the last call.
    void publish();

    const std::map<KeyId, state::KeyEntry>& keys() const { return entries_; }
    std::size_t live_keys() const { return live_; }
    const state::RegisterSet& registers() const { return registers_; }
    const admission::Identities& identities() const { return identities_; }
    const state::Register* find(const KeyId& id) const;
    limits::CounterStore& counters() { return counters_; }

  private:
    state::RegisterSet::Merge apply(state::Register candidate, state::KeyRecord record,
                                    MonoTime now);
    Result<void> take(state::Register verified, WallTime wall, MonoTime now, MergeReport& report);
    Result<void> take_genesis(state::Register verified, MergeReport& report);
    Result<void> take_limit(state::Register verified, MergeReport& report);
    Result<void> take_card(state::Register verified, MergeReport& report);
    Result<CardChange> write(state::CardRecord record, WallTime wall);
    void apply_limits(MonoTime now);
    Result<const state::LimitRecord*> one_limit(const std::string& name) const;
    Result<void> check_limit(const state::LimitRecord& wanted) const;
    Result<LimitChange> write(state::LimitRecord record, WallTime wall, MonoTime now);
    LimitUse use_of(const KeyId& counter, LimitKind kind, std::uint64_t limit,
                    const limits::SlotUse& use, const CountingFacts& facts) const;
    Result<void> take_official(state::Register verified, WallTime wall, MergeReport& report);
    // Whether one that is not followed is a root's second word.
    void note_fork(const state::Register& candidate, const state::Register& held, WallTime wall,
                   MergeReport& report) const;
    Result<state::KeyRecord> write(state::KeyRecord record, WallTime wall, MonoTime now);

    Author author_;
    limits::CounterTable& table_;
    Snapshot<state::KeyTable>& published_;
    admission::Identities identities_;
    state::RegisterVerifier verifier_;
    state::HlcClock clock_;
    state::RegisterSet registers_;
    limits::CounterStore counters_;
    limits::LimitBook book_;
    state::CardShelf cards_;
    std::map<KeyId, state::KeyEntry> entries_;
    std::size_t live_ = 0;
    std::optional<seal::PublicKey> genesis_;
    bool genesis_settled_ = false;
    bool dirty_ = false;
};

// The parts of this node's counting that do not depend on a key.
const limits::StoreOptions& store_options();
std::unexpected<Error> no_such_key(const KeyId& id);
std::unexpected<Error> no_room();  // for a register more

}  // namespace vidai::mesh::rpc
