// SPDX-License-Identifier: Apache-2.0
// A worker's memory of which targets fail: passive ejection with bounded backoff, as Envoy's
// outlier detection on consecutive failures. Nothing probes; after the time is over the next
// request is the probe, and one more failure ejects at once for twice as long. Pure; one worker.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "schema/vocabulary/time.h"

namespace vidai::node::upstream {

struct HealthOptions {
    std::uint32_t failures_to_eject = 5;  // in a row
    Duration eject_first = std::chrono::seconds(1);
    Duration eject_max = std::chrono::seconds(60);
};

class Health {
  public:
    // `endpoints`: RouteTable::endpoints(). Make a new one when the table changes.
    explicit Health(std::size_t endpoints, HealthOptions options = {});

    bool usable(std::uint16_t endpoint, MonoTime now) const;
    void succeeded(std::uint16_t endpoint);
    void failed(std::uint16_t endpoint, MonoTime now);

  private:
    struct State {
        std::uint32_t failures = 0;  // in a row
        MonoTime ejected_until{};
        Duration ejection{};  // the last one's length; 0: none yet
    };
    const HealthOptions options_;
    std::vector<State> states_;
};

}  // namespace vidai::node::upstream
