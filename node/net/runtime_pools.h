// SPDX-License-Identifier: Apache-2.0
// One worker's share of a configuration: its rooms' view of it and a connection pool for each
// provider. Exchanges hold it, so after a reload the old one lives until its last call has ended.
// One worker's thread.
#pragma once

#include <memory>
#include <vector>

#include "node/exchange/rooms.h"
#include "node/net/tls.h"
#include "node/net/upstream_pool.h"

namespace vidai::node::net {

// A configuration as the server publishes it to its workers.
struct ServerRuntime {
    std::shared_ptr<const exchange::Runtime> rooms;
    std::vector<TlsContext> tls;  // by provider; null without TLS
    TlsContext listener_tls;      // null without TLS
    // The configuration of which this one differs by prices alone; itself where there is none.
    std::shared_ptr<const exchange::Runtime> wired;
};

struct RuntimePools {
    using Pools = std::vector<std::unique_ptr<UpstreamPool>>;

    RuntimePools(WorkerContext& worker, std::shared_ptr<const ServerRuntime> runtime)
        : shared(std::move(runtime)), local(shared->rooms), wired(shared->wired) {
        for (std::size_t i = 0; i < wired->providers.size(); ++i) {
            pools->push_back(
                std::make_unique<UpstreamPool>(worker, wired->providers[i], shared->tls[i]));
        }
    }
    // With the connections that there are.
    RuntimePools(const RuntimePools& before, std::shared_ptr<const ServerRuntime> repriced)
        : shared(std::move(repriced)),
          local(before.local, shared->rooms),
          wired(before.wired),
          pools(before.pools) {}

    std::shared_ptr<const ServerRuntime> shared;
    exchange::LocalRuntime local;
    std::shared_ptr<const exchange::Runtime> wired;  // the pools refer to its providers
    std::shared_ptr<Pools> pools = std::make_shared<Pools>();
};

}  // namespace vidai::node::net
