// SPDX-License-Identifier: Apache-2.0
// One worker's connections to one provider: idle ones are kept, newest first, and closed by age.
// Belongs to one configuration: a reload makes new pools and the old ones empty themselves as
// their calls end. One worker's thread.
#pragma once

#include <memory>
#include <vector>

#include "node/net/tls.h"
#include "node/net/upstream_connection.h"

namespace vidai::node::net {

class UpstreamPool {
  public:
    // `tls` is null for a provider without. Outlives its connections.
    UpstreamPool(WorkerContext& worker, const providers::Provider& provider, TlsContext tls)
        : worker_(worker), provider_(provider), tls_(std::move(tls)) {}
    ~UpstreamPool();
    UpstreamPool(const UpstreamPool&) = delete;
    UpstreamPool& operator=(const UpstreamPool&) = delete;

    // A connection for one call: an idle one, ready at once (`ready` true), or, when there is none
    // or `fresh` is asked for, a new one that will report to `user`.
    std::shared_ptr<UpstreamConnection> acquire(UpstreamUser& user, bool fresh, bool& ready);

    const providers::Provider& provider() const { return provider_; }
    const TlsContext& tls() const { return tls_; }

    // From a connection of this pool: its call ended well; or it is idle no more.
    void put_back(std::shared_ptr<UpstreamConnection> connection);
    void forget(const UpstreamConnection& connection);

  private:
    WorkerContext& worker_;
    const providers::Provider& provider_;
    const TlsContext tls_;
    std::vector<std::shared_ptr<UpstreamConnection>> idle_;
};

}  // namespace vidai::node::net
