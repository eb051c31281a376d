// SPDX-License-Identifier: Apache-2.0
// The client listener and its workers: the door that main opens and closes. Everything here is
// called from the main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "node/exchange/rooms.h"
#include "node/net/mesh_side.h"
#include "node/net/options.h"
#include "node/observe/log.h"
#include "node/observe/metrics.h"
#include "schema/vocabulary/result.h"

namespace vidai::node::net {

// How many workers these options make: what Metrics must be built for.
std::uint32_t worker_count(const ListenOptions& options);

class Server {
  public:
    // Binds the port (probing it first with a plain bind: SO_REUSEPORT alone would let a second
    // gateway share it unnoticed), loads TLS material and starts the workers. What is borrowed
    // outlives the server. kIo when the port is taken, kConfigInvalid for TLS files.
    static Result<std::unique_ptr<Server>> start(const ListenOptions& options,
                                                 std::shared_ptr<const exchange::Runtime> runtime,
                                                 const MeshSide& mesh, observe::Metrics& metrics,
                                                 observe::Log& log);
    // What start() would say of the TLS files, without binding anything.
    static Result<void> check(const ListenOptions& options,
                              std::shared_ptr<const exchange::Runtime> runtime);
    ~Server();  // closes every connection
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    std::uint16_t port() const;

    // Replaces providers, routes and TLS material; calls under way end on the old ones.
    Result<void> reload(std::shared_ptr<const exchange::Runtime> runtime);

    // The same providers and routes at other prices: connections to providers stay, and what is
    // known of their health. Never blocks. Not at the same time as reload().
    void reprice(std::shared_ptr<const exchange::Runtime> runtime);

    // Takes no more connections, closes idle ones and lets answers under way end, each with
    // `connection: close`. The caller waits until none is open, as long as it likes.
    void begin_drain();
    std::uint64_t open_connections() const;

  private:
    struct Impl;
    explicit Server(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace vidai::node::net
