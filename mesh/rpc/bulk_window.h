// SPDX-License-Identifier: Apache-2.0
// BulkWindow: how many bytes of bulk (counters, registers) one connection may have under way, so
// that a probe never waits behind more than about kDelay of it, whatever the link's rate. Like
// LEDBAT (RFC 6817): while calls are answered about as fast as the fastest of late it grows, by a
// kStep for each window that was answered; one that took kDelay longer, or got no answer in time,
// means that bulk queues up, and halves it.
// Bulk travels in chunks of at most half the window. Pure; mesh thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

class BulkWindow {
  public:
    static constexpr std::size_t kMost = 64 * 1024, kFirst = 16 * 1024, kLeast = 2 * 1024;
    static constexpr std::size_t kStep = 4 * 1024;
    static constexpr std::size_t kChunkMost = 16 * 1024;
    static constexpr Duration kDelay = std::chrono::milliseconds(100);

    std::size_t window() const { return window_; }
    std::size_t flying() const { return flying_; }
    std::size_t room() const { return window_ - std::min(window_, flying_); }
    std::size_t chunk() const { return std::min(kChunkMost, window_ / 2); }
    // One that is larger than the window goes alone.
    bool takes(std::size_t bytes) const { return flying_ == 0 || bytes <= room(); }

    void begin(std::size_t bytes) { flying_ += bytes; }
    void end(std::size_t bytes) { flying_ -= std::min(flying_, bytes); }
    // A call of so many bytes was answered.
    void answered(std::size_t bytes, Duration took, MonoTime now) {
        if (now - period_ > kPeriod) {
            fastest_before_ = std::exchange(fastest_, Duration::max());
            period_ = now;
        }
        fastest_ = std::min(fastest_, took);
        if (took <= std::min(fastest_, fastest_before_) + kDelay) {
            window_ = std::min(kMost, window_ + std::min(bytes, window_) * kStep / window_);
        } else {
            shrink(took, now);
        }
    }
    void late(Duration took, MonoTime now) { shrink(took, now); }

  private:
    void shrink(Duration took, MonoTime now) {
        if (now - took < shrunk_) return;  // once for all that were under way together
        window_ = std::max(kLeast, window_ / 2);
        shrunk_ = now;
    }
    static constexpr Duration kPeriod = std::chrono::minutes(1);
    std::size_t window_ = kFirst;
    std::size_t flying_ = 0;
    Duration fastest_ = Duration::max(), fastest_before_ = Duration::max() / 2;
    MonoTime period_{}, shrunk_{};
};

}  // namespace vidai::mesh::rpc
