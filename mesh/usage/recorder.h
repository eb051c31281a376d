// SPDX-License-Identifier: Apache-2.0
// Recorder: the queue between those who make calls and the disk, and the thread behind it. Who
// records moves a draft, whatever of an event is at hand without a copy, into the queue and goes
// on; the event is made of it on the thread. Events of kGather share one sync. A queue that is full
// refuses and counts: serving goes before accounting for it. record() and flush() from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>

#include "mesh/usage/writer.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::usage {

template <class Draft>
class Recorder {
  public:
    static constexpr std::chrono::milliseconds kGather{50};
    static constexpr std::chrono::minutes kTidyAfter{1};  // without an event

    struct Surroundings {
        std::function<void(const Draft&, Event&)> fill;  // each field but its number
        std::function<WallTime()> now;
    };

    // Holds at most `capacity` drafts that wait. The functions are called on its thread.
    Recorder(std::unique_ptr<Writer> writer, Surroundings surroundings, std::size_t capacity)
        : writer_(std::move(writer)), around_(std::move(surroundings)), capacity_(capacity) {
        thread_ = std::thread([this]() { work(); });
    }
    // What was recorded is written first.
    ~Recorder() {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
        }
        wake_.notify_all();
        thread_.join();
    }
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    // False, and counted as refused, when the queue is full.
    bool record(Draft&& draft) {
        bool first = false;
        {
            const std::lock_guard lock(mutex_);
            if (queue_.size() >= capacity_) {
                ++writer_->counts().refused;
                return false;
            }
            first = queue_.empty();
            queue_.push_back(std::move(draft));
            ++recorded_;
        }
        if (first) wake_.notify_all();
        return true;
    }

    // Returns when all that was recorded before is on the disk, or counted as lost.
    void flush() {
        std::unique_lock lock(mutex_);
        const std::uint64_t all = recorded_;
        if (written_ >= all) return;
        hurry_ = true;
        wake_.notify_all();
        flushed_.wait(lock, [&]() { return written_ >= all; });
    }

    const Counts& counts() const { return writer_->counts(); }

  private:
    void work() {
        ::pthread_setname_np(::pthread_self(), "usage");
        std::vector<Draft> batch;
        Event event;  // one for all, so that its texts have room already
        std::unique_lock lock(mutex_);
        for (bool last = false; !last;) {
            const auto at_once = [this]() { return stop_ || hurry_; };
            wake_.wait_for(lock, kTidyAfter, [&]() { return at_once() || !queue_.empty(); });
            wake_.wait_for(lock, kGather, at_once);
            hurry_ = false;
            last = stop_;
            std::swap(batch, queue_);
            const std::uint64_t taken = recorded_;
            lock.unlock();
            for (const Draft& draft : batch) {
                around_.fill(draft, event);
                writer_->add(event);
            }
            writer_->commit(around_.now());
            batch.clear();
            lock.lock();
            written_ = taken;
            flushed_.notify_all();
        }
    }

    const std::unique_ptr<Writer> writer_;  // the thread's, but for the counts
    const Surroundings around_;
    const std::size_t capacity_;

    std::mutex mutex_;
    std::condition_variable wake_, flushed_;
    std::vector<Draft> queue_;
    std::uint64_t recorded_ = 0, written_ = 0;
    bool hurry_ = false, stop_ = false;
    std::thread thread_;
};

}  // namespace vidai::mesh::usage
