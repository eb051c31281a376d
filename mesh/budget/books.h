// SPDX-License-Identifier: Apache-2.0
// Books: what of the mesh's money lies on one node's volume: its own logs, the copies that it keeps
// of others', which of those it has sealed, and how often its process has been started. They say
// what is to be written, as records of a journal (mesh/journal), and count nothing as written
// before it is: what is appended between two commits is one batch of its log, under one signature.
// What nobody needs any more is forgotten here at once, and on the volume when the journal is
// written anew, of snapshot(). Pure; one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "mesh/budget/batch.h"
#include "mesh/budget/custody.h"
#include "mesh/budget/ledger.h"
#include "mesh/seal/encoding.h"
#include "mesh/seal/keys.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::budget {

using BatchRef = std::shared_ptr<const Batch>;

struct Record {
    enum class Kind : std::uint8_t { kBoot = 1, kBatch = 2, kSealed = 3, kGone = 4 };
    Kind kind = Kind::kBoot;
    seal::Bytes bytes;
};

// A log of this volume.
struct OwnLog {
    Ledger ledger;
    std::vector<BatchRef> batches;  // all of it that has been written, or is being
    Head written{};                 // behind the last of them
    std::uint64_t bytes = 0;        // of the batches
    std::uint64_t carried = 0;      // of those among them that took over what other logs had
    std::size_t bare = 0;           // so many of the first are without their entries
    const LogHeader& header() const { return ledger.header(); }
};
// Another's, of which this volume is a custodian.
struct KeptLog {
    Custody custody;
    std::vector<BatchRef> batches;
    Head head{};    // behind the last of them
    Head synced{};  // what is on the disk
    bool seal_written = false;
    std::uint64_t bytes = 0;  // of the batches
    std::size_t bare = 0;     // as in OwnLog
};

class Books {
  public:
    // `key` is the volume's, and outlives this.
    // `journal`: whether read() verifies signatures anew.
    Books(const MeshId& mesh, const seal::SecretKey& key, Signed journal = Signed::kKnown)
        : mesh_(mesh), key_(key), journal_(journal) {}
    Books(const Books&) = delete;
    Books& operator=(const Books&) = delete;

    // A record of the volume's journal, in order. kCorrupt: no honest process wrote it there.
    Result<void> read(std::uint8_t kind, seal::ByteView bytes);
    // When all are read, once: this process is the volume's next one. kCorrupt.
    Result<Boot> begin();
    Boot boot() const { return boot_; }
    LedgerKey self() const { return key_.public_key(); }

    // Own logs, oldest first; only the newest may take money. Null before there is one.
    OwnLog* newest() { return own_.empty() ? nullptr : &own_.rbegin()->second; }
    const OwnLog* newest() const { return own_.empty() ? nullptr : &own_.rbegin()->second; }
    std::map<LogId, OwnLog>& own() { return own_; }
    const std::map<LogId, OwnLog>& own() const { return own_; }
    // The next generation. CHECKs that it is.
    OwnLog& open_log(LogHeader header);
    // Of the oldest, which is not the newest (CHECK): a later log has all that it had, for good.
    void forget_oldest();

    // Copies. CHECKs for seal() and forget() that there is one.
    KeptLog* kept(const LogId& log);
    std::map<LogId, KeptLog>& kept() { return kept_; }
    const std::map<LogId, KeptLog>& kept() const { return kept_; }
    // Next batches of a log that names this volume as custodian. What is known is skipped.
    // kConflict: sealed, or a batch before these is missing. kCorrupt: the log has forked, or what
    // it says is not allowed: nothing of it is to be believed any more.
    Result<void> keep(const BatchRef& batch);
    void seal(const LogId& log);
    // Another log has all that it had, for good. A copy of it is never begun again: half of one
    // that is sealed would be taken for all of it.
    void forget_kept(const LogId& log);
    // The same of all of that volume's before this generation, kept or not.
    void forget_before(const LedgerKey& ledger, std::uint32_t generation);
    bool is_gone(const LogId& log) const;
    bool is_passed(const LogId& log) const;  // of those that are gone, by its owner's word

    // All that has come since the last call: to be committed at once, and nothing is taken again
    // before on_committed(). Empty: nothing is to be written.
    std::vector<Record> take_records();
    bool writing() const { return writing_.has_value(); }
    void on_committed();

    // What a journal must have in place of all that it has, in order: each makes its record, on any
    // thread. CHECKs that nothing is being written; what is taken after this comes behind it.
    std::vector<std::function<Record()>> snapshot() const;
    std::uint64_t snapshot_bytes() const;  // about

  private:
    struct Writing {  // what counts as synced once it is
        std::map<LogId, Seq> own;
        std::map<LogId, Head> kept;
        std::vector<LogId> seals;
    };
    Result<void> read_batch(seal::ByteView bytes);
    Result<void> read_seal(seal::ByteView bytes);
    Result<void> read_gone(seal::ByteView bytes);
    void drop(const LogId& log);
    void write_batches(OwnLog& log, std::vector<Record>& out);

    const MeshId mesh_;
    const seal::SecretKey& key_;
    const Signed journal_;
    Boot boot_;
    bool begun_ = false;
    bool boot_due_ = false;
    std::map<LogId, OwnLog> own_;
    std::map<LogId, KeptLog> kept_;
    struct Gone {  // copies that were forgotten, of one volume
        std::uint32_t before = 0;
        std::set<std::uint32_t> besides;
    };
    std::map<LedgerKey, Gone> gone_;
    std::vector<BatchRef> due_;  // of copies
    std::vector<LogId> seals_due_;
    std::optional<Writing> writing_;
};

}  // namespace vidai::mesh::budget
