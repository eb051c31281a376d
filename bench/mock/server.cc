// SPDX-License-Identifier: Apache-2.0
#include "bench/mock/server.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <system_error>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/mock/connection.h"

namespace vidai::bench::mock {
namespace {

std::unexpected<Error> system_failure(const std::string& what) {
    return fail(ErrorCode::kIo, what + ": " + std::generic_category().message(errno));
}

class Server {
  public:
    Server(const Options& options, int listener, int signals, std::optional<TlsContext> tls)
        : api_(options),
          connections_max_(options.connections_max),
          tls_(std::move(tls)),
          listener_(listener),
          signals_(signals),
          epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
    ~Server() {
        connections_.clear();
        for (const int fd : {listener_, signals_, epoll_}) ::close(fd);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    Result<void> run();

  private:
    struct Client {
        Client(Socket socket, Api& api, std::uint64_t number)
            : connection(std::move(socket), api, number) {}
        Connection connection;
        std::uint32_t interest = 0;
        std::optional<Time> wake;
    };
    static constexpr std::uint64_t kListenerKey = 0;
    static constexpr std::uint64_t kSignalKey = 1;

    void watch(int operation, int fd, std::uint32_t events, std::uint64_t key) const;
    void accept_all(Time now);
    void pump(std::uint64_t key, Time now);
    void wake_due(Time now);
    int wait(std::span<epoll_event> events, Time now) const;

    Api api_;
    std::size_t connections_max_;
    std::optional<TlsContext> tls_;
    int listener_;
    int signals_;
    int epoll_;
    std::uint64_t last_key_ = kSignalKey;
    std::map<std::uint64_t, std::unique_ptr<Client>> connections_;
    std::set<std::pair<Time, std::uint64_t>> timers_;
};

void Server::watch(int operation, int fd, std::uint32_t events, std::uint64_t key) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = key;
    ::epoll_ctl(epoll_, operation, fd, &event);
}

Result<void> Server::run() {
    if (epoll_ < 0) return system_failure("epoll_create1");
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN, kListenerKey);
    watch(EPOLL_CTL_ADD, signals_, EPOLLIN, kSignalKey);
    std::array<epoll_event, 256> events{};
    for (;;) {
        const int ready = wait(events, std::chrono::steady_clock::now());
        if (ready < 0 && errno != EINTR) return system_failure("epoll_wait");
        const Time now = std::chrono::steady_clock::now();
        for (int i = 0; i < ready; ++i) {
            const std::uint64_t key = events[static_cast<std::size_t>(i)].data.u64;
            if (key == kSignalKey) return {};
            if (key == kListenerKey) {
                accept_all(now);
            } else {
                pump(key, now);
            }
        }
        wake_due(now);
    }
}

int Server::wait(std::span<epoll_event> events, Time now) const {
    timespec timeout{};
    if (!timers_.empty() && timers_.begin()->first > now) {
        const auto left = timers_.begin()->first - now;
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
        timeout.tv_sec = seconds.count();
        timeout.tv_nsec = std::chrono::nanoseconds(left - seconds).count();
    }
    return ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()),
                          timers_.empty() ? nullptr : &timeout, nullptr);
}

void Server::accept_all(Time now) {
    for (int i = 0; i < 64; ++i) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        ++api_.stats().accepted;
        if (connections_.size() >= connections_max_) {
            ::close(fd);
            continue;
        }
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const std::uint64_t key = ++last_key_;
        auto client =
            std::make_unique<Client>(Socket(fd, tls_ ? &*tls_ : nullptr), api_, key - kSignalKey);
        client->interest = EPOLLIN | EPOLLRDHUP;
        watch(EPOLL_CTL_ADD, fd, client->interest, key);
        connections_.emplace(key, std::move(client));
        ++api_.stats().open;
        pump(key, now);
    }
}

void Server::pump(std::uint64_t key, Time now) {
    const auto found = connections_.find(key);
    if (found == connections_.end()) return;
    Client& client = *found->second;
    Connection& connection = client.connection;
    connection.pump(now);
    const std::optional<Time> wake = connection.finished() ? std::nullopt : connection.wake_at();
    if (wake != client.wake) {
        if (client.wake) timers_.erase({*client.wake, key});
        if (wake) timers_.emplace(*wake, key);
        client.wake = wake;
    }
    if (connection.finished()) {
        --api_.stats().open;
        connections_.erase(found);
        return;
    }
    const std::uint32_t interest = EPOLLRDHUP | (connection.wants_read() ? EPOLLIN : 0U) |
                                   (connection.wants_write() ? EPOLLOUT : 0U);
    if (interest != client.interest) {
        watch(EPOLL_CTL_MOD, connection.fd(), interest, key);
        client.interest = interest;
    }
}

void Server::wake_due(Time now) {
    // A connection that wants to go on at once has the earliest time there is: one round per turn,
    // so that it cannot starve the others.
    std::array<std::uint64_t, 256> due{};
    std::size_t count = 0;
    for (const auto& [time, key] : timers_) {
        if (time > now || count == due.size()) break;
        due[count++] = key;
    }
    for (std::size_t i = 0; i < count; ++i) pump(due[i], now);
}

}  // namespace

Result<Listener> listen_on(const Options& options) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(options.port);
    if (const int code = ::getaddrinfo(options.host.c_str(), port.c_str(), &hints, &found)) {
        return fail(ErrorCode::kIo, "--listen " + options.host + ": " + ::gai_strerror(code));
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> release(found, &::freeaddrinfo);
    Listener out;
    out.fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (out.fd < 0) return system_failure("socket");
    const int on = 1;
    ::setsockopt(out.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_storage bound{};
    socklen_t length = sizeof bound;
    if (::bind(out.fd, found->ai_addr, found->ai_addrlen) != 0 || ::listen(out.fd, 4096) != 0 ||
        ::getsockname(out.fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0) {
        const auto failure = system_failure("--listen " + options.host + ":" + port);
        ::close(out.fd);
        return failure;
    }
    out.port =
        ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port
                                          : reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
    return out;
}

Result<int> stop_signal() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) return system_failure("signalfd");
    return fd;
}

Result<void> serve(const Options& options, Listener listener) {
    std::optional<TlsContext> tls;
    if (!options.tls_cert.empty()) {
        Result<TlsContext> loaded = TlsContext::load(options.tls_cert, options.tls_key);
        if (!loaded) return fail(std::move(loaded).error());
        tls.emplace(std::move(*loaded));
    }
    const Result<int> signals = stop_signal();
    if (!signals) return fail(signals.error());
    Server server(options, listener.fd, *signals, std::move(tls));
    return server.run();
}

}  // namespace vidai::bench::mock
