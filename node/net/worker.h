// SPDX-License-Identifier: Apache-2.0
// One worker: a thread, its io_context, its listening socket, its connections. Workers share only
// what Server hands them by Snapshot, and the counters' atomics. Everything but post() and the
// read of open() belongs to the worker's own thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "node/exchange/rooms.h"
#include "node/net/buffer.h"
#include "node/net/client_connection.h"
#include "node/net/deadline_wheel.h"
#include "node/net/mesh_side.h"
#include "node/net/options.h"
#include "node/net/poller.h"
#include "node/net/resolver.h"
#include "node/net/runtime_pools.h"
#include "node/net/waiting_room.h"
#include "node/net/worker_context.h"
#include "node/observe/worker_metrics.h"
#include "schema/base/thread_bound.h"

namespace vidai::node::net {

// What all workers read. Outlives them.
struct Shared {
    const ListenOptions& options;
    const MeshSide mesh;
    const Snapshot<ServerRuntime>& runtime;
    observe::Log& log;
    ResolverThread& resolver;
};

class Worker final : public EventHandler, private ThreadBound {
  public:
    // Takes the listening socket. `seed` is for request ids and weighted choice.
    Worker(Shared& shared, observe::WorkerMetrics& metrics, int listen_fd, std::uint64_t seed);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    void start();  // begins its thread
    void stop();   // any thread: ends it, connections and all
    void join();
    void drain();  // any thread: no new connections, close the idle ones
    std::uint64_t open() const { return metrics_.client_connections.get(); }  // any thread
    observe::WorkerMetrics& metrics() { return metrics_; }

    // For connections, on the worker's thread.
    WorkerContext& context() { return context_; }
    const ListenOptions& options() const { return shared_.options; }
    exchange::Rooms& rooms() { return rooms_; }
    const std::shared_ptr<RuntimePools>& runtime() const { return runtime_; }
    bool draining() const { return rooms_.draining; }
    void forget(ClientConnection& connection);

    void on_events(std::uint32_t events) override;  // of the listening socket

  private:
    void refresh();
    void tick();
    void accept(int fd);
    void close_listener();

    Shared& shared_;
    int listen_fd_;
    boost::asio::io_context io_{1};
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>,
                                      boost::asio::io_context::executor_type>
        timer_;
    std::vector<std::shared_ptr<void>> graveyard_;
    Poller poller_;
    DeadlineWheel wheel_;
    BufferPool buffers_;
    Resolver resolver_;
    WaitingRoom waiting_room_;
    observe::WorkerMetrics& metrics_;
    WorkerContext context_;
    SnapshotReader<mesh::state::KeyTable> keys_;
    SnapshotReader<mesh::budget::BudgetTable> budgets_;
    SnapshotReader<ServerRuntime> server_runtime_;
    exchange::Rooms rooms_;
    std::shared_ptr<RuntimePools> runtime_;
    std::unordered_map<ClientConnection*, std::shared_ptr<ClientConnection>> connections_;
    std::thread thread_;
};

}  // namespace vidai::node::net
