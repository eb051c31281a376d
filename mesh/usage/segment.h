// SPDX-License-Identifier: Apache-2.0
// Segment: one file of one origin's events, in the order of their numbers. A journal keeps them, so
// that they are there after a crash once commit() has returned, and damage is found and named. One
// thread; the volume outlives it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "mesh/journal/journal.h"
#include "mesh/usage/batch.h"
#include "mesh/usage/event.h"
#include "mesh/usage/tail.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::usage {

class Segment {
  public:
    using Read = std::function<void(const Event&)>;

    // Makes an empty one of an empty volume, or reads each event of what is there, in order, and
    // cuts a torn tail. kCorrupt: damaged, another's, or its numbers do not rise. kIo.
    static Result<Segment> open(journal::Volume& volume, const journal::Owner& origin,
                                seal::RandomSource& random, const Read& read);

    // Of a volume that open() finds damaged: each event of its records that are whole, and whose
    // numbers rise. How many bytes are passed over. kCorrupt: nothing of it can be read. kIo.
    static Result<std::uint64_t> salvage(journal::Volume& volume, const journal::Owner& origin,
                                         const Read& read);

    // To be there after the next commit. CHECKs that its number is the one behind last(), unless it
    // is the first one.
    void append(const Event& event);
    // All that was appended is on the disk; one sync, however much it is. kIo, now and for ever
    // after. Adds the records that it came to to `written`.
    Result<void> commit(std::vector<Record>* written = nullptr);
    // Says on the disk how far it is synced, so that damage before it is not taken for a torn tail.
    // Before the segment is left for the next one.
    Result<void> mark() { return journal_.mark(); }

    // Of what was read and appended.
    std::uint64_t events() const { return tally_.events; }
    std::uint64_t last() const { return tally_.last; }  // zero: none
    WallTime newest() const { return tally_.newest; }   // WallTime::min(): none
    std::uint64_t bytes() const {                       // about, of what was not committed
        return journal_.size() + journal_.pending_bytes() + batch_.bytes();
    }

  private:
    struct Tally {
        std::uint64_t events = 0;
        std::uint64_t last = 0;
        WallTime newest = WallTime::min();
        void add(const Event& event);
    };

    static journal::Journal::Read reader(Tally& tally, const Read& read);  // borrows both
    Segment(journal::Journal journal, const Tally& tally)
        : journal_(std::move(journal)), tally_(tally) {}

    void close_batch();

    journal::Journal journal_;
    Batch batch_;                  // appended, and not in the journal yet
    std::vector<Record> records_;  // in the journal, and not committed
    Tally tally_;
};

// A segment as what is to be kept of it is decided.
struct Held {
    std::uint64_t id = 0;  // later ones have greater ones
    std::uint64_t bytes = 0;
    WallTime newest = WallTime::min();  // of its events
    bool settled = false;               // another node has a copy of all of it
};
struct Keep {
    std::uint64_t bytes = 0;   // at most, all segments together
    WallTime::duration age{};  // of a segment's newest event
};
struct Dropped {
    std::vector<std::uint64_t> ids;  // in the order in which they go
    std::uint64_t unsettled = 0;     // of them, whose events no other node has: an alarm
};
// Which of `held`, by rising id, are to go: the oldest ones first, what is too old, and while all
// together are too large. The last one, which is written to, stays.
Dropped to_drop(std::span<const Held> held, const Keep& keep, WallTime now);

}  // namespace vidai::mesh::usage
