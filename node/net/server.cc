// SPDX-License-Identifier: Apache-2.0
#include "node/net/server.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/net/resolver.h"
#include "node/net/tls.h"
#include "node/net/worker.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::net {
namespace {

constexpr int kBacklog = 4'096;

std::uint32_t usable_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return static_cast<std::uint32_t>(std::max(1, CPU_COUNT(&set)));
}

Result<int> bind_socket(const SocketAddress& address, bool share) {
    const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail(ErrorCode::kIo, std::string("socket: ") + std::strerror(errno));
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (share) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) {
        const int error = errno;
        ::close(fd);
        return fail(ErrorCode::kIo, std::strerror(error));
    }
    return fd;
}

std::uint16_t bound_port(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
    sockaddr_in6 v6{};
    sockaddr_in v4{};
    if (storage.ss_family == AF_INET6) {
        std::memcpy(&v6, &storage, sizeof v6);
        return ntohs(v6.sin6_port);
    }
    std::memcpy(&v4, &storage, sizeof v4);
    return ntohs(v4.sin_port);
}

// One listening socket per worker on one port.
Result<std::vector<int>> listen_all(const ListenOptions& options, std::uint32_t count) {
    const auto complain = [&](const std::string& why) {
        return fail(ErrorCode::kIo,
                    "cannot listen on " + options.address + ":" + std::to_string(options.port) +
                        ": " + why + "; is another gateway running, or choose another listen port",
                    "listen");
    };
    Result<SocketAddress> address = parse_address(options.address, options.port);
    if (!address) return fail(ErrorCode::kConfigInvalid, address.error().message, "listen");
    Result<int> probe = bind_socket(*address, false);
    if (!probe) return complain(probe.error().message);
    const std::uint16_t port = bound_port(*probe);
    ::close(*probe);
    address = parse_address(options.address, port);
    std::vector<int> sockets;
    for (std::uint32_t i = 0; i < count; ++i) {
        Result<int> fd = bind_socket(*address, true);
        if (!fd || ::listen(*fd, kBacklog) != 0) {
            const std::string why = fd ? std::strerror(errno) : fd.error().message;
            if (fd) ::close(*fd);
            for (const int open : sockets) ::close(open);
            return complain(why);
        }
        sockets.push_back(*fd);
    }
    return sockets;
}

Result<std::shared_ptr<const ServerRuntime>> make_runtime(
    const ListenOptions& options, std::shared_ptr<const exchange::Runtime> rooms) {
    auto runtime = std::make_shared<ServerRuntime>();
    if (!options.tls_cert_file.empty()) {
        Result<TlsContext> context =
            make_server_context(options.tls_cert_file, options.tls_key_file);
        if (!context) return fail(std::move(context).error());
        runtime->listener_tls = std::move(*context);
    }
    for (const providers::Provider& provider : rooms->providers) {
        TlsContext context;
        if (provider.tls) {
            Result<TlsContext> made = make_client_context(provider.ca_file);
            if (!made) {
                return fail(made.error().code,
                            "provider " + provider.name + ": " + made.error().message,
                            made.error().param);
            }
            context = std::move(*made);
        }
        runtime->tls.push_back(std::move(context));
    }
    runtime->rooms = std::move(rooms);
    runtime->wired = runtime->rooms;
    return std::shared_ptr<const ServerRuntime>(std::move(runtime));
}

}  // namespace

struct Server::Impl {
    Impl(const ListenOptions& listen, std::shared_ptr<const ServerRuntime> first,
         const MeshSide& mesh, observe::Log& log)
        : options(listen),
          runtime(std::move(first)),
          shared{options, mesh, runtime, log, *resolver} {}

    const ListenOptions options;
    std::uint16_t port = 0;
    Snapshot<ServerRuntime> runtime;
    std::unique_ptr<ResolverThread> resolver = std::make_unique<ResolverThread>();
    Shared shared;
    std::vector<std::unique_ptr<Worker>> workers;
};

std::uint32_t worker_count(const ListenOptions& options) {
    return options.workers != 0 ? options.workers : usable_cpus();
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
    for (const auto& worker : impl_->workers) worker->stop();
    for (const auto& worker : impl_->workers) worker->join();
    impl_->resolver.reset();  // its answers are posted to the workers' loops, which still stand
    impl_->workers.clear();
}

Result<std::unique_ptr<Server>> Server::start(const ListenOptions& options,
                                              std::shared_ptr<const exchange::Runtime> runtime,
                                              const MeshSide& mesh, observe::Metrics& metrics,
                                              observe::Log& log) {
    auto first = make_runtime(options, std::move(runtime));
    if (!first) return fail(std::move(first).error());
    const std::uint32_t count = worker_count(options);
    Result<std::vector<int>> sockets = listen_all(options, count);
    if (!sockets) return fail(std::move(sockets).error());
    auto impl = std::make_unique<Impl>(options, std::move(*first), mesh, log);
    impl->port = bound_port(sockets->front());
    std::random_device entropy;
    for (std::size_t i = 0; i < sockets->size(); ++i) {
        const std::uint64_t seed = (std::uint64_t{entropy()} << 32) | entropy();
        impl->workers.push_back(
            std::make_unique<Worker>(impl->shared, metrics.worker(i), (*sockets)[i], seed));
    }
    for (const auto& worker : impl->workers) worker->start();
    return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Result<void> Server::check(const ListenOptions& options,
                           std::shared_ptr<const exchange::Runtime> runtime) {
    auto made = make_runtime(options, std::move(runtime));
    if (!made) return fail(std::move(made).error());
    return {};
}

std::uint16_t Server::port() const {
    return impl_->port;
}

Result<void> Server::reload(std::shared_ptr<const exchange::Runtime> runtime) {
    auto next = make_runtime(impl_->options, std::move(runtime));
    if (!next) return fail(std::move(next).error());
    impl_->runtime.publish(std::move(*next));
    return {};
}

void Server::reprice(std::shared_ptr<const exchange::Runtime> runtime) {
    auto next = std::make_shared<ServerRuntime>(*impl_->runtime.load());
    CHECK(runtime->providers.size() == next->tls.size() &&
              runtime->routes.endpoints() == next->rooms->routes.endpoints(),
          "other prices of the same targets");
    next->rooms = std::move(runtime);
    impl_->runtime.publish(std::move(next));
}

void Server::begin_drain() {
    for (const auto& worker : impl_->workers) worker->drain();
}

std::uint64_t Server::open_connections() const {
    std::uint64_t count = 0;
    for (const auto& worker : impl_->workers) count += worker->open();
    return count;
}

}  // namespace vidai::node::net
