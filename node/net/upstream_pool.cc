// SPDX-License-Identifier: Apache-2.0
#include "node/net/upstream_pool.h"

#include <algorithm>
#include <utility>

#include "node/net/worker_context.h"

namespace vidai::node::net {

UpstreamPool::~UpstreamPool() {
    // Connections leave the pool one by one as they close, so take them out first.
    std::vector<std::shared_ptr<UpstreamConnection>> idle;
    idle.swap(idle_);
}

std::shared_ptr<UpstreamConnection> UpstreamPool::acquire(UpstreamUser& user, bool fresh,
                                                          bool& ready) {
    if (!fresh && !idle_.empty()) {
        std::shared_ptr<UpstreamConnection> connection = std::move(idle_.back());
        idle_.pop_back();
        worker_.metrics.upstream_reuses.add();
        connection->adopt(user);
        ready = true;
        return connection;
    }
    worker_.metrics.upstream_connects.add();
    auto connection = std::make_shared<UpstreamConnection>(worker_, *this);
    ready = false;
    connection->connect(user);
    return connection;
}

void UpstreamPool::put_back(std::shared_ptr<UpstreamConnection> connection) {
    if (idle_.size() >= provider_.idle_connections_max) {
        worker_.bury(std::move(connection));  // it closes as it dies
        return;
    }
    idle_.push_back(std::move(connection));
}

void UpstreamPool::forget(const UpstreamConnection& connection) {
    const auto found =
        std::ranges::find(idle_, &connection, [](const auto& item) { return item.get(); });
    if (found == idle_.end()) return;
    worker_.bury(std::move(*found));
    idle_.erase(found);
}

}  // namespace vidai::node::net
