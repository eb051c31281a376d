// SPDX-License-Identifier: Apache-2.0
// Snapshot<T>: one thread publishes immutable values, others read the newest. A reader takes the
// lock only when the version moved, so re-reading once per loop turn costs one atomic load.
// A mutex rather than std::atomic<std::shared_ptr>, which ThreadSanitizer misjudges in libstdc++.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace vidai {

template <class T>
class Snapshot {
  public:
    explicit Snapshot(std::shared_ptr<const T> first) : value_(std::move(first)) {}

    // Any thread; the last publisher wins.
    void publish(std::shared_ptr<const T> value) {
        {
            const std::lock_guard lock(mutex_);
            value_.swap(value);
        }
        version_.fetch_add(1, std::memory_order_release);
    }  // the old value dies here, outside the lock

    // Any thread. Never null if the first value was not.
    std::shared_ptr<const T> load() const {
        const std::lock_guard lock(mutex_);
        return value_;
    }
    std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  private:
    mutable std::mutex mutex_;
    std::shared_ptr<const T> value_;
    std::atomic<std::uint64_t> version_{1};
};

// One thread's cached view of a Snapshot, which must outlive it.
template <class T>
class SnapshotReader {
  public:
    explicit SnapshotReader(const Snapshot<T>& source) : source_(&source) { refresh(); }

    // Call once per loop turn; true when the value changed.
    bool refresh() {
        const std::uint64_t version = source_->version();
        if (version == version_) return false;
        value_ = source_->load();
        version_ = version;
        return true;
    }
    const T& operator*() const { return *value_; }
    const T* operator->() const { return value_.get(); }
    std::shared_ptr<const T> share() const { return value_; }

  private:
    const Snapshot<T>* source_;
    std::uint64_t version_ = 0;
    std::shared_ptr<const T> value_;
};

}  // namespace vidai
