// SPDX-License-Identifier: Apache-2.0
// PeerSync: how far one peer and this node have told each other what they know. Pure bookkeeping;
// the exchange feeds it, `vidaictl mesh doctor` and the metrics read it. Mesh thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>

#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

class PeerSync {
  public:
    // Our counters. Answers come in the order of the pushes, or all fail together.
    void pushed(MonoTime now) { flying_.push_back(now); }
    void push_ended() {
        if (!flying_.empty()) flying_.pop_front();
    }
    // It may have missed something, until it has been told everything.
    void missed(MonoTime now) {
        if (!missed_) missed_ = now;
    }
    void told_all() { missed_.reset(); }
    // Since when it has been owed counters; nothing: it has acknowledged all of them.
    std::optional<MonoTime> owed_since() const {
        std::optional<MonoTime> oldest = missed_;
        if (!flying_.empty()) oldest = std::min(oldest.value_or(flying_.front()), flying_.front());
        return oldest;
    }

    void heard_counters(MonoTime now) { heard_ = now; }
    std::optional<MonoTime> heard() const { return heard_; }

    // It answered a question asked at `asked` (by this node's wall clock `wall_asked`).
    void clock(WallTime theirs, WallTime wall_asked, Duration round_trip) {
        offset_ = (theirs - wall_asked) - round_trip / 2;
    }
    std::optional<Duration> clock_offset() const { return offset_; }  // theirs minus ours

    // It has answered with all that this node lacked.
    void compared(MonoTime now, std::optional<bool> equal) {
        compared_ = now;
        if (equal) equal_ = equal;
    }
    std::optional<MonoTime> compared_at() const { return compared_; }
    std::optional<bool> digests_equal() const { return equal_; }

  private:
    std::deque<MonoTime> flying_;  // as many as a session lets out
    std::optional<MonoTime> missed_, heard_, compared_;
    std::optional<Duration> offset_;
    std::optional<bool> equal_;
};

}  // namespace vidai::mesh::rpc
