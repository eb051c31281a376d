// SPDX-License-Identifier: Apache-2.0
// Everything that a person may tell a node, as one value made of the structs that each room
// defines for itself. Where the values come from is load.h; what they are called is
// option_table.h. Immutable once loaded; any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mesh/options.h"
#include "mesh/pricing/rate_card.h"
#include "node/net/options.h"
#include "node/observe/options.h"
#include "node/providers/provider.h"
#include "node/route/options.h"
#include "schema/base/secret.h"

namespace vidai::node::config {

struct PricingOptions {
    std::string card_file;                                // empty: the card that ships
    std::shared_ptr<const mesh::pricing::RateCard> card;  // as read; never null once loaded
};

struct BudgetOptions {
    Secret webhook;       // URL: people put tokens into it; empty: nobody is told
    std::string ca_file;  // PEM roots for it instead of the system's; may be empty
};

struct Config {
    net::ListenOptions listen;
    observe::AdminOptions admin;
    observe::LogOptions log;
    mesh::MeshOptions mesh;  // enabled: derived, true with mesh.root_file or mesh.join
    route::RouteOptions route;
    std::vector<providers::Provider> providers;  // in the order of the file
    PricingOptions pricing;
    BudgetOptions budgets;
    std::string ports_file;             // where to write the ports bound as 0; empty: nowhere
    std::vector<std::string> warnings;  // accepted, but a person should know; one sentence each
};

}  // namespace vidai::node::config
