// SPDX-License-Identifier: Apache-2.0
#include "node/net/worker.h"

#include <cerrno>
#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/net/clock.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::net {
namespace {

constexpr std::chrono::milliseconds kTick{100};
constexpr int kAcceptsPerEvent = 64;
constexpr std::size_t kBlocksKept = 1'024;  // 16 MiB
constexpr std::size_t kBlocksWarm = 64;

}  // namespace

Worker::Worker(Shared& shared, observe::WorkerMetrics& metrics, int listen_fd, std::uint64_t seed)
    : shared_(shared),
      listen_fd_(listen_fd),
      timer_(io_.get_executor()),
      poller_(
          io_, [this] { refresh(); }, [this] { graveyard_.clear(); }),
      wheel_(kTick, mono_now()),
      buffers_(kBlocksKept, kBlocksWarm),
      resolver_(shared.resolver, io_, shared.log),
      waiting_room_(io_, poller_, shared.mesh.cashier.waiting(), shared.options.budget_wait),
      metrics_(metrics),
      context_{io_,      poller_,       wheel_,         buffers_,  resolver_,
               metrics_, waiting_room_, shared.options, graveyard_},
      keys_(shared.mesh.keys),
      budgets_(shared.mesh.budgets),
      server_runtime_(shared.runtime),
      rooms_{keys_,
             shared.mesh.counters,
             budgets_,
             shared.mesh.cashier,
             shared.mesh.usage,
             metrics_,
             shared.log,
             &mono_now,
             {},
             Rng(seed),
             shared.mesh.service},
      runtime_(std::make_shared<RuntimePools>(context_, server_runtime_.share())) {
    CHECK(poller_.add_listener(listen_fd_, *this), "epoll refuses the listening socket");
}

Worker::~Worker() {
    stop();
    join();
    bind_to_this_thread();  // the worker's own has ended
    close_listener();
    // Connections ask to be forgotten as they close: let them find nothing.
    auto connections = std::move(connections_);
    connections_.clear();
    connections.clear();
    runtime_.reset();
    graveyard_.clear();
}

void Worker::start() {
    poller_.start();
    tick();
    thread_ = std::thread([this] {
        ::pthread_setname_np(::pthread_self(), "worker");
        bind_to_this_thread();
        io_.run();
    });
}

void Worker::stop() {
    boost::asio::post(io_, [this] {
        poller_.stop();
        io_.stop();
    });
}

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

void Worker::drain() {
    boost::asio::post(io_, [this] {
        rooms_.draining = true;
        on_events(0);  // closing the listener resets what waits in its queue
        close_listener();
        std::vector<std::shared_ptr<ClientConnection>> all;
        all.reserve(connections_.size());
        for (const auto& [key, connection] : connections_) all.push_back(connection);
        for (const auto& connection : all) connection->drain();
    });
}

void Worker::close_listener() {
    if (listen_fd_ < 0) return;
    poller_.remove(listen_fd_, *this);
    ::close(std::exchange(listen_fd_, -1));
}

void Worker::refresh() {
    assert_thread();
    keys_.refresh();
    budgets_.refresh();
    if (server_runtime_.refresh()) {
        auto next = server_runtime_.share();
        runtime_ = next->wired == runtime_->wired
                       ? std::make_shared<RuntimePools>(*runtime_, std::move(next))
                       : std::make_shared<RuntimePools>(context_, std::move(next));
    }
}

void Worker::tick() {
    timer_.expires_after(kTick);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        const MonoTime now = mono_now();
        metrics_.heart.beat(now);
        refresh();
        wheel_.advance(now);
        graveyard_.clear();
        tick();
    });
}

void Worker::on_events(std::uint32_t) {
    for (int i = 0; i < kAcceptsPerEvent && listen_fd_ >= 0; ++i) {
        const int fd = ::accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;  // none is waiting, or none can be taken: a later event asks again
        accept(fd);
    }
}

void Worker::accept(int fd) {
    metrics_.client_accepts.add();
    Stream stream(fd);
    if (connections_.size() >= options().connections_max) {
        shared_.log.write(observe::Event::kConnectionRefused,
                          {{"open", connections_.size()}, {"bound", options().connections_max}});
        return;  // closing tells the client more quickly than an answer it waits for
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (runtime_->shared->listener_tls != nullptr) {
        TlsSession session = make_server_session(runtime_->shared->listener_tls, fd);
        if (session == nullptr) return;
        stream.start_tls(std::move(session));
    }
    auto connection = std::make_shared<ClientConnection>(*this, std::move(stream));
    ClientConnection* const key = connection.get();
    connections_.emplace(key, std::move(connection));
    metrics_.client_connections.add();
    if (!key->start()) forget(*key);
}

void Worker::forget(ClientConnection& connection) {
    assert_thread();
    const auto found = connections_.find(&connection);
    if (found == connections_.end()) return;
    context_.bury(std::move(found->second));
    connections_.erase(found);
    metrics_.client_connections.subtract();
}

}  // namespace vidai::node::net
