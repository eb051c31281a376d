// SPDX-License-Identifier: Apache-2.0
// Propagation: how long news took to get here, from its author's clock to ours, with the measured
// difference of the two taken off. Mesh thread.
#pragma once

#include <algorithm>
#include <optional>

#include "schema/base/histogram.h"
#include "schema/vocabulary/time.h"

namespace vidai::mesh::rpc {

class Propagation {
  public:
    explicit Propagation(WallTime started) : started_(started) {}

    // `offset`: the author's clock minus ours, where it is known.
    void counters(WallTime sent, WallTime now, std::optional<Duration> offset) {
        record(counters_, sent, now, offset);
    }
    // What was written before this process lived did not travel all that time.
    void register_written(WallTime written, WallTime now, std::optional<Duration> offset) {
        if (written >= started_) record(registers_, written, now, offset);
    }

    const Histogram& of_counters() const { return counters_; }
    const Histogram& of_registers() const { return registers_; }

  private:
    static void record(Histogram& into, WallTime then, WallTime now,
                       std::optional<Duration> offset) {
        const Duration took = (now - then) + offset.value_or(Duration{});
        into.record(static_cast<std::uint64_t>(std::max(Duration{}, took).count()));
    }
    const WallTime started_;
    Histogram counters_, registers_;  // nanoseconds
};

}  // namespace vidai::mesh::rpc
