// SPDX-License-Identifier: Apache-2.0
// Writer: what becomes of events when the disk does not do as it should: they are counted as lost,
// it is told once, and the next ones are tried with a new file. Blocking; one thread, but for the
// counts, which any thread may read.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "mesh/usage/event.h"
#include "mesh/usage/store.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::usage {

// Since the process began.
struct Counts {
    std::atomic<std::uint64_t> written{0};        // events that are synced
    std::atomic<std::uint64_t> clamped{0};        // events that clamp() had to change
    std::atomic<std::uint64_t> lost{0};           // events that the disk did not take
    std::atomic<std::uint64_t> refused{0};        // events for which the queue had no room
    std::atomic<std::uint64_t> unsettled{0};      // files deleted of which no other node had all
    std::atomic<std::uint64_t> first{1};          // the number of the first event that may be there
    std::atomic<std::uint64_t> synced{0};         // of the last one that is synced
    std::atomic<std::uint64_t> settled{0};        // all up to it lie at another node too
    std::atomic<std::uint64_t> settled_of{0};     // `synced`, when these two were counted
    std::atomic<std::uint64_t> in_doubt{0};       // events that are synced and do not
    std::atomic<std::uint64_t> doubt_ms{0};       // since when the first of these is the same one
    std::atomic<std::uint64_t> copied{0};         // bytes of others' events on this volume
    std::atomic<std::uint64_t> damaged_files{0};  // that the last report could not read all of
    std::atomic<std::uint64_t> passed_over{0};    // bytes of these
    std::atomic<std::uint64_t> copies_lost{0};    // records of others that this disk did not take
    std::atomic<std::uint64_t> bytes{0};          // of all files, now
};

class Writer {
  public:
    // `hear`: of the first failure after what went well. Called on the thread that commits. A null
    // `store` stands for one that could not be opened: all is lost.
    Writer(std::unique_ptr<Store> store, std::function<void(const Error&)> hear);

    // To be written by the next commit(). Brings the event within its bounds and numbers it.
    void add(Event& event);
    // One sync, and then what is old is deleted. `now`: by this node's clock.
    void commit(WallTime now);

    Counts& counts() { return counts_; }
    const Tail& tail() const { return tail_; }

  private:
    void failed(const Error& error);
    bool usable();
    void sync();

    std::unique_ptr<Store> store_;
    std::function<void(const Error&)> hear_;
    Counts counts_;
    Tail tail_;
    std::uint64_t waiting_ = 0;  // events appended since the last commit
    bool broken_ = false;        // the file that is written to
    bool troubled_ = false;      // a failure was told, and nothing has gone well since
};

}  // namespace vidai::mesh::usage
