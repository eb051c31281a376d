// SPDX-License-Identifier: Apache-2.0
// Mailbox<T>: how one thread hands values to another. Bounded, first in first out, any number of
// senders, one receiver. A std::mutex and one eventfd, because both Asio and KJ can wait on a
// descriptor and ThreadSanitizer understands a mutex. push() from any thread, the rest from the
// receiver's.
#pragma once

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace vidai {

// Owns a non-blocking eventfd. Ends the process (CHECK) if the kernel gives none.
class WakeFd {
  public:
    WakeFd();
    ~WakeFd();
    WakeFd(const WakeFd&) = delete;
    WakeFd& operator=(const WakeFd&) = delete;

    int fd() const { return fd_; }
    void signal();  // any thread, never blocks
    void clear();   // receiver

  private:
    int fd_;
};

template <class T>
class Mailbox {
  public:
    // Holds at most `capacity` values; a sender is refused beyond that, never blocked.
    explicit Mailbox(std::size_t capacity) : capacity_(capacity) {}

    // False, and `value` untouched, when full.
    [[nodiscard]] bool push(T&& value) {
        bool was_empty = false;
        {
            const std::lock_guard lock(mutex_);
            if (queue_.size() >= capacity_) return false;
            was_empty = queue_.empty();
            queue_.push_back(std::move(value));
        }
        if (was_empty) wake_.signal();
        return true;
    }

    // Readable whenever values may be waiting.
    int fd() const { return wake_.fd(); }

    // Moves everything queued to the end of `out`.
    void drain(std::vector<T>& out) {
        wake_.clear();
        const std::lock_guard lock(mutex_);
        for (T& value : queue_) out.push_back(std::move(value));
        queue_.clear();
    }

  private:
    const std::size_t capacity_;
    std::mutex mutex_;
    std::vector<T> queue_;
    WakeFd wake_;
};

}  // namespace vidai
