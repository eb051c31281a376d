// SPDX-License-Identifier: Apache-2.0
// TimeOfDay: whether this node's clock may open windows of budgets. No clock decides what is spent:
// one that is off would move the boundary of a window, and open the next one early for all. So a
// node is compared with the others that it hears, and with its own monotonic clock.
//
// Among three or more the clock must be within half a second of the median of all, or, where only
// one other can be heard, of that one; one that has jumped is not trusted for a minute, in which
// its peers are compared with again. One or two have nobody to ask: after a jump theirs is not
// steady for as long, and opens no window but the next one. A steady clock opens the window of
// today, however long nobody has spent.
// Pure; one thread.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "schema/vocabulary/time.h"

namespace vidai::mesh::budget {

struct TimeOfDay {
    WallTime wall;
    bool steady = true;  // more than one window may have passed
    friend bool operator==(const TimeOfDay&, const TimeOfDay&) = default;
};

// What a node hears of others' clocks.
struct PeerClocks {
    std::vector<Duration> ahead;  // of this node's, of those connected that have said so
    std::size_t connected = 0;    // nodes, whether they have or not
    std::size_t others = 0;       // that the mesh has beside this one, heard or not
};

class ClockJudge {
  public:
    // Each tick. Nothing: the clock is not to be trusted, or others have not been heard yet.
    std::optional<TimeOfDay> judge(WallTime wall, MonoTime now, const PeerClocks& peers);

  private:
    std::optional<MonoTime> began_;
    std::optional<Duration> before_;  // wall less mono
    std::optional<MonoTime> jumped_;
};

}  // namespace vidai::mesh::budget
