// SPDX-License-Identifier: Apache-2.0
// Virtual time: what is to happen, in order of time and then of being asked for. Everything that
// the simulator does runs inside one of these steps. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "schema/vocabulary/time.h"

namespace vidai::sim {

class Scheduler {
  public:
    using Step = std::move_only_function<void()>;

    // Starts at an hour, so that a time of zero is a bug that shows.
    MonoTime now() const { return now_; }
    void at(MonoTime when, Step step) {
        heap_.push_back({std::max(when, now_), ++order_, std::move(step)});
        std::push_heap(heap_.begin(), heap_.end(), later);
    }
    void after(Duration wait, Step step) { at(now_ + wait, std::move(step)); }

    // Runs the next step if it is due by `until`; else only moves the time there.
    bool run_one(MonoTime until) {
        if (heap_.empty() || heap_.front().when > until) {
            now_ = std::max(now_, until);
            return false;
        }
        std::pop_heap(heap_.begin(), heap_.end(), later);
        Entry entry = std::move(heap_.back());
        heap_.pop_back();
        now_ = entry.when;
        ++steps_;
        entry.step();
        return true;
    }
    std::uint64_t steps() const { return steps_; }
    std::size_t pending() const { return heap_.size(); }

  private:
    struct Entry {
        MonoTime when;
        std::uint64_t order;
        Step step;
    };
    static bool later(const Entry& a, const Entry& b) {
        return a.when != b.when ? a.when > b.when : a.order > b.order;
    }

    MonoTime now_{std::chrono::hours(1)};
    std::uint64_t order_ = 0;
    std::uint64_t steps_ = 0;
    std::vector<Entry> heap_;
};

}  // namespace vidai::sim
