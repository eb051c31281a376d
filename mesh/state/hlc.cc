// SPDX-License-Identifier: Apache-2.0
#include "mesh/state/hlc.h"

#include <algorithm>

namespace vidai::mesh::state {

Hlc Hlc::at(WallTime time) {
    const std::int64_t ms = std::max<std::int64_t>(0, time.time_since_epoch().count());
    return {static_cast<std::uint64_t>(ms) << 16};
}

Hlc HlcClock::tick(WallTime now) {
    if (last_.wall() > now + kAheadMax) last_ = {};
    last_ = std::max(Hlc::at(now), Hlc{last_.value + 1});
    return last_;
}

void HlcClock::observe(Hlc seen) {
    last_ = std::max(last_, seen);
}

}  // namespace vidai::mesh::state
