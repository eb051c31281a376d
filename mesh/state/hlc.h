// SPDX-License-Identifier: Apache-2.0
// A hybrid logical clock (Kulkarni, Demirbas et al. 2014): time stamps that are near wall time,
// never go back on one node, and are greater than everything the node had seen, as long as that is
// near wall time, too. Pure; mesh thread.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

#include "schema/vocabulary/time.h"

namespace vidai::mesh::state {

// 48 bits of milliseconds since 1970, 16 bits of count. Overflow of the count moves into the
// milliseconds, which only makes the stamp later.
struct Hlc {
    std::uint64_t value = 0;
    WallTime wall() const {
        return WallTime(WallTime::duration(static_cast<std::int64_t>(value >> 16)));
    }
    static Hlc at(WallTime time);
    friend auto operator<=>(const Hlc&, const Hlc&) = default;
};

class HlcClock {
  public:
    // What peers believe (seal::kClockTolerance). Stamps further ahead are of a wall clock that was
    // wrong for a while: nobody takes what is stamped after them, so they are forgotten.
    static constexpr std::chrono::minutes kAheadMax{10};

    // A stamp greater than all before and all observed.
    Hlc tick(WallTime now);
    // A verified stamp of another node. Whoever verifies bounds how far ahead it may be.
    void observe(Hlc seen);

  private:
    Hlc last_;
};

}  // namespace vidai::mesh::state
