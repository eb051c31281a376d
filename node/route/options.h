// SPDX-License-Identifier: Apache-2.0
// The routing table as configured: alias -> groups tried in order -> weighted targets within one.
// Read-only after configuration; shared by all workers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mesh/pricing/price.h"
#include "schema/vocabulary/units.h"

namespace vidai::node::route {

// A price as written beside a target, per million tokens: it stands in place of what the rate card
// asks for that model, and the card's limits of the model hold all the same.
struct OwnPrice {
    MicroUsdPerMtok input;
    MicroUsdPerMtok cached_input;
    MicroUsdPerMtok output;
    bool known = false;
};

struct Target {
    std::uint16_t provider = 0;  // index into the configured providers
    std::string model;           // the provider's name of the model
    std::uint32_t weight = 1;    // share within its group, 1 to 1,000
    OwnPrice own_price;
    // What it costs and cost, looked up once. Where nobody knows, it counts tokens and no money,
    // says so in the metric `vidai_unpriced_tokens_total`, and no key under a hard budget may
    // call it.
    mesh::pricing::PriceHistory prices;
    std::uint16_t series = 0;  // where its metrics are counted; see node/observe/series.h
};

struct Alias {
    std::string name;                         // what clients say in "model"
    std::vector<std::vector<Target>> groups;  // at least one, none empty
};

struct RouteOptions {
    std::vector<Alias> aliases;
    std::uint32_t attempts_max = 3;  // provider calls for one request, first included
};

}  // namespace vidai::node::route
