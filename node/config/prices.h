// SPDX-License-Identifier: Apache-2.0
// Which price holds for what a node calls, most exact first: the one beside a target, then the rate
// card that an operator has applied to the whole mesh, then the node's own card, at each time the
// first that has one. Pure; any thread.
#pragma once

#include <string>

#include "mesh/pricing/price.h"
#include "mesh/pricing/rate_card.h"
#include "node/config/config.h"

namespace vidai::node::config {

// Anew for each target of a configuration that load() has read. `applied` may be without a price.
void price_targets(Config& config, const mesh::pricing::RateCard& applied);

// Of a model by the two cards alone.
mesh::pricing::PriceHistory prices_of(const Config& config, const mesh::pricing::RateCard& applied,
                                      const std::string& provider, const std::string& model);

}  // namespace vidai::node::config
