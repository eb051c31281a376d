// SPDX-License-Identifier: Apache-2.0
// Store: the folder of one origin's events. Each segment is a file named by the number that it
// begins with, so that no number is given twice, whatever of the folder is gone but the last file.
// Blocking. One thread writes; reading.h may read on any other meanwhile, and in other processes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mesh/journal/journal.h"
#include "mesh/usage/segment.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::usage {

inline constexpr std::uint64_t kSegmentBytesMax = 16U << 20;  // then the next one begins
inline constexpr std::uint64_t kUncommittedBytesMax = 4U << 20;

class Store {
  public:
    struct Options {
        std::string folder;  // made, with mode 0700, if it is not there; its parent is
        journal::Owner origin;
        Keep keep;
        std::uint64_t segment_bytes = kSegmentBytesMax;  // at most that
    };

    // Goes on behind the last event of the folder. kConflict: another process writes there. kIo.
    // A last segment that is damaged stays as it is, for whoever can mend it, and the next begins
    // with a number that cannot be in it: damage() says what was wrong.
    static Result<std::unique_ptr<Store>> open(const Options& options, seal::RandomSource& random);
    const std::optional<Error>& damage() const { return damage_; }

    // Gives the event its number, which it returns. It is there after the next commit(), and not
    // told to anybody before. The event is within the bounds of clamp(). kResourceExhausted:
    // kUncommittedBytesMax wait for a commit, and this one is not among them.
    Result<std::uint64_t> append(Event& event);
    // One sync for all that was appended. kIo, now and for ever after: what the disk holds is not
    // known until the next process has read it. What was appended may or may not be there.
    Result<void> commit(std::vector<Record>* written = nullptr);
    // After a commit() that failed: leaves that file and begins the next one. kIo: try again later.
    Result<void> renew();
    // Begins the next segment where this one is full, and deletes what is not to be kept by `now`.
    // After a commit(), with nothing appended since. kIo: it is tried again the next time.
    // `settled`: up to that number another node has all.
    Result<Dropped> tidy(WallTime now, std::uint64_t settled = 0);

    std::uint64_t next() const { return next_; }  // the number of the next event
    // Of the first one that may be there.
    std::uint64_t first() const { return closed_.empty() ? first_ : closed_.front().id; }
    std::uint64_t bytes() const;  // of all segments
    std::size_t segments() const { return closed_.size() + 1; }

  private:
    Store(Options options, seal::RandomSource& random)
        : options_(std::move(options)), random_(&random) {}
    Result<void> begin(std::uint64_t first);

    Options options_;
    seal::RandomSource* random_;
    std::vector<Held> closed_;                        // by rising first number
    std::map<std::uint64_t, std::uint64_t> last_of_;  // of those found at the start, by their names
    std::uint64_t first_ = 0;                         // of the segment that is written to
    std::unique_ptr<journal::Volume> volume_;
    std::optional<Segment> segment_;
    std::uint64_t next_ = 1;
    std::uint64_t committed_ = 0;  // bytes of the segment
    std::optional<Error> damage_;
};

}  // namespace vidai::mesh::usage
