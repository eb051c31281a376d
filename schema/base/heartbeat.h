// SPDX-License-Identifier: Apache-2.0
// When the loop of a thread last came round: the thread beats, anybody asks. Any thread.
#pragma once

#include <atomic>

#include "schema/vocabulary/time.h"

namespace vidai {

class Heartbeat {
  public:
    void beat(MonoTime now) {
        last_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    }
    // MonoTime{}: it has not begun.
    MonoTime last() const { return MonoTime(Duration(last_.load(std::memory_order_relaxed))); }

  private:
    std::atomic<Duration::rep> last_{0};
};

}  // namespace vidai
