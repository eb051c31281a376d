// SPDX-License-Identifier: Apache-2.0
#include "node/observe/watchdog.h"

#include <algorithm>
#include <utility>

namespace vidai::node::observe {
Watchdog::Watchdog(std::vector<Loop> loops, Duration dead_after, MonoTime now)
    : dead_after_(dead_after), looked_(now), blameless_until_(now) {
    for (Loop& loop : loops) loops_.push_back({.loop = std::move(loop), .stalled_since = {}});
}

std::vector<Watchdog::Finding> Watchdog::look(MonoTime now) {
    const std::lock_guard lock(mutex_);
    if (now - looked_ > kLate) blameless_until_ = now;
    looked_ = now;
    std::vector<Finding> findings;
    for (Watched& watched : loops_) {
        const MonoTime last = watched.loop.heart->last();
        if (watched.stalled_since) {
            const bool over = last > *watched.stalled_since;
            watched.span = (over ? last : now) - *watched.stalled_since;
            if (!over) continue;
            findings.push_back({watched.loop.name, watched.span, true});
            watched.stalled_since.reset();
            watched.span = {};
        } else if (const MonoTime since = std::max(last, blameless_until_);
                   now - since > kStalled) {
            watched.stalled_since = since;
            watched.span = now - since;
            ++watched.stalls;
            findings.push_back({watched.loop.name, watched.span, false});
        }
    }
    return findings;
}

std::string Watchdog::dead() const {
    const std::lock_guard lock(mutex_);
    if (dead_after_ == Duration{}) return {};
    for (const Watched& watched : loops_) {
        if (!watched.stalled_since || watched.span < dead_after_) continue;
        const auto whole = std::chrono::duration_cast<std::chrono::seconds>(watched.span).count();
        return watched.loop.name + " has not come round for " + std::to_string(whole) +
               " s: this process should be restarted";
    }
    return {};
}

std::vector<Watchdog::State> Watchdog::states() const {
    const std::lock_guard lock(mutex_);
    std::vector<State> states;
    for (const Watched& watched : loops_) {
        states.push_back({watched.loop.name, watched.stalls, watched.span});
    }
    return states;
}

}  // namespace vidai::node::observe
