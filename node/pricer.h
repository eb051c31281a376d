// SPDX-License-Identifier: Apache-2.0
// What past calls cost by the prices that a node has now, for `vidaictl price heal`: as the meter
// would charge the same tokens at the same time. Any thread.
#pragma once

#include <memory>

#include "mesh/pricing/rate_card.h"
#include "mesh/usage/correcting.h"
#include "node/config/config.h"
#include "node/exchange/rooms.h"

namespace vidai::node {

// `runtime`: made of `config` and `applied`. A call of a target that is configured no longer is
// priced by the cards.
mesh::usage::Pricer make_pricer(std::shared_ptr<const exchange::Runtime> runtime,
                                const config::Config& config,
                                std::shared_ptr<const mesh::pricing::RateCard> applied);

}  // namespace vidai::node
