// SPDX-License-Identifier: Apache-2.0
// Copies: events of other origins on this volume, which keeps them for their nodes, each in the
// folder of its origin. Whatever comes twice is kept once. A file is closed for good, with both its
// numbers in its name, once it is full, not written to any more, or found at the start. Blocking;
// one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "mesh/journal/journal.h"
#include "mesh/usage/folder.h"
#include "mesh/usage/numbers.h"
#include "mesh/usage/reading.h"
#include "mesh/usage/segment.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::usage {

// What is here of one origin.
struct Holding {
    NodeId node;              // whose volume it was, last; empty: nobody has said
    std::uint64_t floor = 0;  // what lay below it was deleted for lack of room
    Numbers held;             // on the disk
};

class Copies {
  public:
    static constexpr std::size_t kOriginsMax = 1'024;
    static constexpr std::size_t kFilesMax = 16'384;  // of all origins
    static constexpr std::size_t kOpenMax = 8;        // files that are written to

    struct Options {
        std::string archive;  // is there
        journal::Owner own;   // whose events are not copies
        Keep keep;            // all copies together
        std::uint64_t segment_bytes = 16U << 20;
    };
    Copies(Options options, seal::RandomSource& random)
        : options_(std::move(options)), random_(&random) {}

    // What is there already; ends early once it is asked to stop. Once, first.
    void load(const std::stop_token& stop);

    // To be kept after the next commit(). kCorrupt: no batch. kInvalidRequest: this volume's own.
    // kResourceExhausted: no further origin or file is kept. kIo.
    Result<void> add(const seal::PublicKey& origin, const NodeId& node, seal::ByteView batch);
    // One sync for each file that was added to. Of what could not be written nothing is kept.
    void commit();
    // Deletes what is old, and the oldest while all together are too large. kIo: later again.
    Result<void> tidy(WallTime now);

    const std::map<seal::PublicKey, Holding>& holdings() const { return holdings_; }
    std::uint64_t bytes() const;
    const std::vector<Unread>& unread() const { return unread_; }
    // Origins of which something has been added or deleted, each once.
    std::set<seal::PublicKey> take_changed() { return std::exchange(changed_, {}); }
    std::uint64_t failures() const { return failures_; }  // of adding and writing

  private:
    struct Place {
        seal::PublicKey origin;
        std::uint64_t first = 0;
        friend auto operator<=>(const Place&, const Place&) = default;
    };
    struct Shut {
        std::uint64_t last = 0;  // zero: its name does not say
        std::uint64_t bytes = 0;
        WallTime newest;  // of its events, or when it was written
    };
    struct Open {
        Place place;
        std::unique_ptr<journal::Volume> volume;
        Segment segment;
        Numbers added;  // since the last commit
    };
    journal::Owner owner(const seal::PublicKey& origin) const {
        return {options_.own.mesh, origin};
    }
    std::string folder(const seal::PublicKey& origin) const;
    void find_files(const seal::PublicKey& origin, const std::stop_token& stop);
    void find_file(const seal::PublicKey& origin, const File& file);
    void read_about(const seal::PublicKey& origin, Holding& holding) const;
    Result<void> write_about(const seal::PublicKey& origin, const Holding& holding) const;
    Result<Holding*> holding_of(const seal::PublicKey& origin, const NodeId& node);
    Result<Open*> open_for(const seal::PublicKey& origin, std::uint64_t number);
    void shut(std::list<Open>::iterator which, bool sound);

    Options options_;
    seal::RandomSource* random_;
    std::map<seal::PublicKey, Holding> holdings_;
    std::map<Place, Shut> shut_;
    std::list<Open> open_;  // the one that was written to last is the first
    std::vector<Unread> unread_;
    std::set<seal::PublicKey> changed_;
    std::uint64_t failures_ = 0;
};

}  // namespace vidai::mesh::usage
