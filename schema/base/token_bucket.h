// SPDX-License-Identifier: Apache-2.0
// TokenBucket: so much a second on average, and a burst at once (Turner 1986, as a meter). Counted
// in whatever the caller counts in. It remembers no limit: that may change between two uses. Value
// type; one thread.
#pragma once

#include <algorithm>
#include <chrono>

#include "schema/vocabulary/time.h"

namespace vidai {

struct RateLimit {
    double per_second = 0, burst = 0;
};

class TokenBucket {
  public:
    // Whether so much may be taken now.
    bool has(double amount, const RateLimit& limit, MonoTime now) {
        const double seconds = std::chrono::duration<double>(now - used_at_).count();
        spent_ = std::max(0.0, spent_ - seconds * limit.per_second);
        used_at_ = now;
        return spent_ + amount <= limit.burst;
    }
    // Takes it if it may be.
    bool take(double amount, const RateLimit& limit, MonoTime now) {
        if (!has(amount, limit, now)) return false;
        spent_ += amount;
        return true;
    }
    MonoTime used_at() const { return used_at_; }  // last; the epoch of the clock: never

  private:
    double spent_ = 0;
    MonoTime used_at_{};
};

}  // namespace vidai
