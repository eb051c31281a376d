// SPDX-License-Identifier: Apache-2.0
// Sees when a loop (a worker's or the mesh thread's) no longer comes round: blocked, in an endless
// loop, or starved. Who looks and finds himself late blames nobody for that time, since then the
// whole process did not run. Main thread, but for dead() and states(), which any thread may call.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/heartbeat.h"
#include "schema/vocabulary/time.h"

namespace vidai::node::observe {

class Watchdog {
  public:
    // A loop beats at least every 250 ms while it is well.
    static constexpr Duration kStalled = std::chrono::seconds(1);
    // An observer who looks less often than this was himself not running.
    static constexpr Duration kLate = std::chrono::milliseconds(500);

    struct Loop {
        std::string name;
        const Heartbeat* heart;  // outlives the watchdog
    };
    struct Finding {
        std::string loop;
        Duration span;  // for how long it has not come round, or had not
        bool over;      // it runs again
    };

    // `dead_after`: see dead(); zero: never.
    Watchdog(std::vector<Loop> loops, Duration dead_after, MonoTime now);

    // What has changed since the last look: at most one finding for each loop.
    std::vector<Finding> look(MonoTime now);

    // Why this process should be ended and started anew, for a person: a loop has stood still for
    // `dead_after`, which nothing mends. Empty: it should not.
    std::string dead() const;
    struct State {
        std::string loop;
        std::uint64_t stalls;  // so far
        Duration span;         // of the present one; zero: it runs
    };
    std::vector<State> states() const;

  private:
    struct Watched {
        Loop loop;
        std::optional<MonoTime> stalled_since;
        Duration span{};
        std::uint64_t stalls = 0;
    };
    mutable std::mutex mutex_;
    std::vector<Watched> loops_;
    const Duration dead_after_;
    MonoTime looked_, blameless_until_;
};

}  // namespace vidai::node::observe
