// SPDX-License-Identifier: Apache-2.0
// Crashes: how many lives of nodes ended without a farewell within the time that a sliding minute
// looks back on. What such a node had admitted and not told is lost, which the published bound of
// a soft limit must say (mesh/limits/bound.h). Pure; mesh thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>

#include "mesh/membership/effects.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

class Crashes {
  public:
    static constexpr std::chrono::seconds kMemory{120};  // two windows
    static constexpr std::size_t kRemembered = 4'096;    // the oldest is forgotten first

    // A death, or a newer life of a node that had said no farewell: a crash that nobody had the
    // time to see. A death and the return after it are one crash.
    void on_event(MonoTime now, const membership::Event& event) {
        using membership::EventKind;
        switch (event.kind) {
            case EventKind::kJoined:
            case EventKind::kAlive:
                if (!running_.insert(event.subject).second && event.new_life) note(now);
                break;
            case EventKind::kDead:
                if (running_.erase(event.subject) > 0) note(now);
                break;
            case EventKind::kLeft:
            case EventKind::kForgotten:
                running_.erase(event.subject);
                break;
            default:
                break;
        }
    }

    std::uint32_t count(MonoTime now) {
        while (!times_.empty() && now - times_.front() > kMemory) times_.pop_front();
        return static_cast<std::uint32_t>(times_.size());
    }

  private:
    void note(MonoTime now) {
        if (times_.size() == kRemembered) times_.pop_front();
        times_.push_back(now);
    }

    std::set<NodeId> running_;  // at most as many as the roster holds
    std::deque<MonoTime> times_;
};

}  // namespace vidai::mesh::rpc
