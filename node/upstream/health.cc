// SPDX-License-Identifier: Apache-2.0
#include "node/upstream/health.h"

#include <algorithm>

#include "schema/vocabulary/check.h"

namespace vidai::node::upstream {

Health::Health(std::size_t endpoints, HealthOptions options)
    : options_(options), states_(endpoints) {
    CHECK(options.failures_to_eject > 0 && options.eject_first > Duration::zero() &&
          options.eject_max >= options.eject_first);
}

bool Health::usable(std::uint16_t endpoint, MonoTime now) const {
    CHECK(endpoint < states_.size());
    const State& state = states_[endpoint];
    return state.ejection == Duration::zero() || now >= state.ejected_until;
}

void Health::succeeded(std::uint16_t endpoint) {
    CHECK(endpoint < states_.size());
    states_[endpoint] = {};
}

void Health::failed(std::uint16_t endpoint, MonoTime now) {
    CHECK(endpoint < states_.size());
    State& state = states_[endpoint];
    if (!usable(endpoint, now)) return;  // a late failure of before the ejection, or a last resort
    if (++state.failures < options_.failures_to_eject) return;
    state.failures = options_.failures_to_eject;  // bounded; the next one ejects again
    state.ejection = state.ejection == Duration::zero()
                         ? options_.eject_first
                         : std::min(2 * state.ejection, options_.eject_max);
    state.ejected_until = now + state.ejection;
}

}  // namespace vidai::node::upstream
