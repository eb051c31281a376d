// SPDX-License-Identifier: Apache-2.0
// Recorder: the queue between those who make calls and the disk, and the thread behind it. Who
// records moves a draft, whatever of an event is at hand without a copy, into the queue and goes
// on; the event is made of it on the thread. Events of kGather share one sync. A queue that is full
// refuses and counts: serving goes before accounting for it. record() and flush() from any thread.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "mesh/usage/writer.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::usage {

// An event but for its number, as Event has it. Its texts live in what it holds, or for ever.
struct Draft {
    static constexpr std::size_t kRequestBytesMax = 128;

    std::array<std::shared_ptr<const void>, 2> holds;
    WallTime time;
    std::array<char, kRequestBytesMax> request;
    std::uint8_t request_bytes = 0;
    std::string_view key, user, team, project;
    std::string_view model, provider, target, endpoint;
    TokensByKind tokens;
    bool priced = false;
    WallTime price_from{};
    MicroUsd cost;
    bool estimated = false;
    MicroUsd charged;
    Outcome outcome = Outcome::kAnswered;
    pricing::ServiceTier tier = pricing::ServiceTier::kStandard;
    bool ceiling = false;
};

class Recorder {
  public:
    static constexpr std::chrono::milliseconds kGather{50};
    static constexpr std::chrono::minutes kTidyAfter{1};  // without an event

    // Holds at most `capacity` drafts that wait. `now` is called on its thread.
    Recorder(std::unique_ptr<Writer> writer, std::function<WallTime()> now, std::size_t capacity);
    // What was recorded is written first.
    ~Recorder();
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    // False, and counted as refused, when the queue is full.
    bool record(Draft&& draft);

    // Returns when all that was recorded before is on the disk, or counted as lost.
    void flush();
    // Writes events that adjust others, and returns when they are on the disk; how many the disk
    // did not take. One caller at a time.
    std::uint64_t adjust(std::vector<Event> corrections);

    Counts& counts() { return writer_->counts(); }
    const Counts& counts() const { return writer_->counts(); }
    const Tail& tail() const { return writer_->tail(); }

  private:
    void work();

    const std::unique_ptr<Writer> writer_;  // the thread's, but for the counts
    const std::function<WallTime()> now_;
    const std::size_t capacity_;

    std::mutex mutex_;
    std::condition_variable wake_, flushed_;
    std::vector<Draft> queue_;
    std::uint64_t recorded_ = 0, written_ = 0;
    std::vector<Event> corrections_;
    std::uint64_t corrections_lost_ = 0;
    bool correcting_ = false;
    bool hurry_ = false, stop_ = false;
    std::thread thread_;
};

}  // namespace vidai::mesh::usage
