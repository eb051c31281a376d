// SPDX-License-Identifier: Apache-2.0
// Journal: records that are there after a crash once commit() has returned, in the order in which
// they were appended. One file, one fdatasync for all that a commit holds, whoever appended it.
//
// A mark says up to where the file has been synced. It is written with the next commit, so that it
// never says too much: damage behind it is a torn tail that nobody was promised, and is cut off;
// damage before it is damage, and nothing is read then. Two marks take turns, each in a block of
// its own, so that a torn one leaves the other.
//
// After a failed write or sync nothing is written any more: what the disk holds is not known until
// it has been read again, by the next process (Rebello et al., "Can Applications Recover from fsync
// Failures?", 2020). The adapter owns the volume and calls from its storage thread. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "mesh/journal/volume.h"
#include "mesh/seal/encoding.h"
#include "mesh/seal/keys.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"

namespace vidai::mesh::journal {

inline constexpr std::size_t kRecordBytesMax = (64U << 20) + 4'096;
inline constexpr std::size_t kSalvageBytesMax = 64U << 20;

// Whose journal it is: another's is refused.
struct Owner {
    MeshId mesh;
    seal::PublicKey ledger;
    friend bool operator==(const Owner&, const Owner&) = default;
};

class Journal {
  public:
    // `kind` is the caller's. kCorrupt, and opening fails with it: the record makes no sense.
    using Read = std::function<Result<void>(std::uint8_t kind, seal::ByteView bytes)>;
    struct Recovered {
        std::uint64_t records = 0;
        std::uint64_t cut = 0;  // bytes of a torn tail
    };

    // Makes an empty journal of an empty volume, or reads each record of what is there, in order,
    // cuts a torn tail, and syncs. kCorrupt: damaged, or another's; the message says where and what
    // to do. kIo.
    static Result<Journal> open(Volume& volume, const Owner& owner, seal::RandomSource& random,
                                const Read& read);
    // As open(), where one was made before: an empty volume is a damaged one.
    static Result<Journal> reopen(Volume& volume, const Owner& owner, const Read& read);
    Recovered recovered() const { return recovered_; }

    struct Salvaged {
        std::uint64_t records = 0;
        std::uint64_t passed_over = 0;  // bytes that had been synced and are no record any more
    };
    // Of a volume that open() finds damaged: each record of `kind` and at most `bytes_max` that is
    // whole, in their order. A record's checksum covers the one before it, so that behind damage
    // the next whole record proves itself; what `read` refuses is passed over too. Writes nothing.
    // kCorrupt: no such journal, another's, or larger than kSalvageBytesMax. kIo.
    static Result<Salvaged> salvage(Volume& volume, const Owner& owner, std::uint8_t kind,
                                    std::size_t bytes_max, const Read& read);
    // Whose journal it is. Nothing: one was never finished there. kCorrupt, kIo.
    static Result<std::optional<Owner>> owner_of(Volume& volume);

    // To be written with the next commit. CHECKs `bytes` against kRecordBytesMax.
    void append(std::uint8_t kind, seal::ByteView bytes);
    std::size_t pending_bytes() const { return pending_.size(); }
    // All that was appended is on the disk. kIo, now and for ever after.
    Result<void> commit();
    // Writes what a later commit would have: that everything committed is synced. After a while
    // without one, and before effects where no other node would notice a loss. Nothing where that
    // is known already.
    Result<void> mark();

    // As a failed write does: nothing is written any more.
    void fail_from_now(const Error& why) {
        if (!failed_) failed_ = why;
    }

    std::uint64_t commits() const { return commits_; }
    std::uint64_t size() const { return end_; }  // bytes synced

  private:
    using Check = std::array<std::uint8_t, 16>;   // of a record and all before it
    static constexpr std::size_t kBlock = 4'096;  // what a disk tears is not larger
    static constexpr std::uint64_t kFirstRecord = 3 * kBlock;
    static constexpr std::size_t kRecordHead = 4 + 1;  // length of what is behind the check, kind
    struct Mark {
        std::uint64_t number = 0;  // the greater one counts
        std::uint64_t end = 0;
        Check check{};
    };

    Journal(Volume& volume, Check first) : volume_(&volume), check_(first) {}
    static Result<void> create(Volume& volume, const Owner& owner, seal::RandomSource& random);
    struct Header {
        Owner owner;
        Check check{};
    };
    static Result<Header> read_header(Volume& volume);
    static Result<Check> read_header(Volume& volume, const Owner& owner);
    static Result<bool> begun(Volume& volume);
    class Debris;  // what is left of a damaged one
    static Result<std::optional<Mark>> read_mark(Volume& volume, const Check& first, int slot);
    Result<Mark> newest_mark(const Check& first);
    Result<bool> read_record(std::uint64_t left, const Read& read);
    Result<void> recover(const Read& read);
    Result<void> write_mark();
    Result<void> sync();
    static Check next_check(const Check& before, seal::ByteView head, seal::ByteView bytes);
    static seal::Bytes encode(const Mark& mark, const Check& first);

    Volume* volume_;
    Check first_{};  // of this file: its records and marks are no other's
    Check check_;    // of what is in the file
    Check appended_{};
    std::uint64_t end_ = 0;
    seal::Bytes pending_;
    std::uint64_t commits_ = 0;
    std::uint64_t marks_ = 0;   // the number of the newest one
    std::uint64_t marked_ = 0;  // up to where it says so
    std::optional<Error> failed_;
    Recovered recovered_;
};

// Makes an empty journal at `path`, where none is. All of it is on the disk but the file's name:
// the caller syncs the folder.
Result<void> make_journal(const std::string& path, const Owner& owner, seal::RandomSource& random);

}  // namespace vidai::mesh::journal
