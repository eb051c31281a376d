// SPDX-License-Identifier: Apache-2.0
#include "bench/load/generator.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <system_error>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/response_reader.h"
#include "bench/load/watch.h"

namespace vidai::bench::load {
namespace {

using Nanos = std::chrono::nanoseconds;

Nanos now_ns() {
    return std::chrono::steady_clock::now().time_since_epoch();
}

struct Connection {
    int fd = -1;
    bool busy = false;
    bool sending = false;  // waits for room to send the rest
    const std::string* request = nullptr;
    std::size_t sent = 0;  // of the request
    Nanos due{0};          // when the request in flight was to be sent
    std::uint64_t events_seen = 0;
    ResponseReader reader;
};

class Generator {
  public:
    explicit Generator(const Options& options)
        : options_(options),
          expect_bytes_(options.expect_bytes),
          epoll_(::epoll_create1(EPOLL_CLOEXEC)),
          report_(std::make_unique<Report>()),
          connections_(options.connections) {
        for (const std::string& key : options.keys) {
            requests_.push_back(render_request(options, key));
        }
    }
    ~Generator() {
        for (const Connection& connection : connections_) {
            if (connection.fd >= 0) ::close(connection.fd);
        }
        ::close(epoll_);
        if (address_ != nullptr) ::freeaddrinfo(address_);
    }
    Generator(const Generator&) = delete;
    Generator& operator=(const Generator&) = delete;

    Result<std::unique_ptr<Report>> run();

  private:
    static constexpr std::size_t kBacklogMax = 1'000'000;  // due, waiting for a connection

    Result<void> resolve();
    Result<void> connect(Connection& connection);
    Result<void> open_window();
    Result<void> close_window();
    Result<void> take_cpu_times();
    void offer(Nanos now);
    void start(Connection& connection, Nanos due);
    bool send_rest(Connection& connection);
    Result<void> on_ready(Connection& connection, std::uint32_t events);
    Result<void> on_bytes(Connection& connection, std::string_view bytes);
    Result<void> finish(Connection& connection, Nanos now);
    void go_on(Connection& connection, Nanos now);
    Result<void> broke(Connection& connection);
    void account(const Connection& connection, Nanos now);
    Result<void> turn(Nanos until);
    void count_unfinished(Nanos now);
    bool counted(Nanos due) const { return due >= window_start_ && due < window_end_; }
    bool in_window() const { return window_open_; }
    bool done() const { return options_.requests != 0 && ended_ >= options_.requests; }
    bool may_start() const { return options_.requests == 0 || started_ < options_.requests; }

    const Options& options_;
    std::vector<std::string> requests_;  // one for each key
    std::optional<std::uint64_t> expect_bytes_;
    int epoll_;
    addrinfo* address_ = nullptr;
    std::unique_ptr<Report> report_;
    std::vector<Connection> connections_;
    std::vector<Connection*> idle_;
    std::deque<Nanos> backlog_;         // due times that found no idle connection
    std::optional<Arrivals> arrivals_;  // open loop
    std::deque<Nanos> starts_;          // closed loop: when the next connection joins
    Nanos window_start_{Nanos::max()};
    Nanos window_end_{Nanos::max()};
    bool window_open_ = false;
    bool stopping_ = false;
    // Over the whole run:
    std::uint64_t started_ = 0;
    std::uint64_t ended_ = 0;  // however
    std::uint64_t broken_ = 0;
};

Result<void> Generator::resolve() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    const std::string port = std::to_string(options_.port);
    if (const int code = ::getaddrinfo(options_.host.c_str(), port.c_str(), &hints, &address_)) {
        return fail(ErrorCode::kUnavailable, "--to " + options_.host + ": " + ::gai_strerror(code));
    }
    return {};
}

Result<void> Generator::connect(Connection& connection) {
    if (connection.fd >= 0) ::close(connection.fd);
    connection.fd = ::socket(address_->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection.fd < 0 ||
        ::connect(connection.fd, address_->ai_addr, address_->ai_addrlen) != 0) {
        return fail(ErrorCode::kUnavailable, "--to " + options_.host + ":" +
                                                 std::to_string(options_.port) + ": " +
                                                 std::generic_category().message(errno));
    }
    const int on = 1;
    ::setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &connection;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
    connection.busy = connection.sending = false;
    connection.reader.reset();
    return {};
}

Result<std::unique_ptr<Report>> Generator::run() {
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    if (Result<void> done = resolve(); !done) return fail(done.error());
    for (Connection& connection : connections_) {
        if (Result<void> done = connect(connection); !done) return fail(done.error());
        idle_.push_back(&connection);
    }
    const Nanos begin = now_ns();
    if (options_.rate > 0) {
        arrivals_.emplace(options_.arrivals, options_.rate, begin, options_.seed);
    } else {
        // Connections join over half of the warm-up: streams that start together stay together.
        for (std::size_t i = 0; i < connections_.size(); ++i) {
            starts_.push_back(begin + options_.warm_up / 2 * i / connections_.size());
        }
    }
    if (Result<void> done = turn(begin + options_.warm_up); !done) return fail(done.error());
    if (Result<void> done = open_window(); !done) return fail(done.error());
    if (Result<void> done = turn(window_end_); !done) return fail(done.error());
    // If we woke late, some were due before the end and are not sent yet.
    offer(std::min(window_end_, now_ns()));
    if (Result<void> done = close_window(); !done) return fail(done.error());
    stopping_ = true;
    if (arrivals_) {
        constexpr std::chrono::seconds kDrain{2};
        if (Result<void> done = turn(now_ns() + kDrain); !done) return fail(done.error());
        count_unfinished(now_ns());
    }
    return std::move(report_);
}

std::uint64_t own_cpu_ns() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto ns = [](const timeval& t) {
        return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U +
               static_cast<std::uint64_t>(t.tv_usec) * 1'000U;
    };
    return ns(usage.ru_utime) + ns(usage.ru_stime);
}

Result<void> Generator::open_window() {
    if (Result<void> done = take_cpu_times(); !done) return done;
    window_start_ = now_ns();
    window_end_ = window_start_ + options_.duration;
    window_open_ = true;
    return {};
}

Result<void> Generator::close_window() {
    if (Result<void> done = take_cpu_times(); !done) return done;
    report_->window = now_ns() - window_start_;
    window_end_ = std::min(window_end_, window_start_ + report_->window);
    window_open_ = false;
    return {};
}

// Each figure becomes what has passed since it was last taken; the first taking starts from 0.
Result<void> Generator::take_cpu_times() {
    const Result<std::uint64_t> watched = cpu_ns(options_.watch);
    if (!watched) return fail(watched.error());
    const Result<std::uint64_t> beside = cpu_ns(options_.beside);
    if (!beside) return fail(beside.error());
    report_->watched_cpu_ns = *watched - report_->watched_cpu_ns;
    report_->beside_cpu_ns = *beside - report_->beside_cpu_ns;
    report_->own_cpu_ns = own_cpu_ns() - report_->own_cpu_ns;
    return {};
}

// Runs the loop until then; while stopping, until all that counts is answered.
Result<void> Generator::turn(Nanos until) {
    std::array<epoll_event, 256> events{};
    for (Nanos now = now_ns(); now < until && !done(); now = now_ns()) {
        if (stopping_ && backlog_.empty() && idle_.size() == connections_.size()) return {};
        if (!stopping_) offer(now);
        Nanos wake = until;
        if (!stopping_ && arrivals_) wake = std::min(wake, arrivals_->next());
        if (!starts_.empty()) wake = std::min(wake, starts_.front());
        const Nanos left = std::max(wake - now, Nanos{0});
        const timespec timeout{.tv_sec = left.count() / 1'000'000'000,
                               .tv_nsec = left.count() % 1'000'000'000};
        const int ready = ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()),
                                         &timeout, nullptr);
        if (ready < 0 && errno != EINTR) return fail(ErrorCode::kIo, "epoll_pwait2 failed");
        for (int i = 0; i < ready && !done(); ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            Result<void> handled =
                on_ready(*static_cast<Connection*>(event.data.ptr), event.events);
            if (!handled) return handled;
        }
    }
    return {};
}

void Generator::offer(Nanos now) {
    for (; !starts_.empty() && starts_.front() <= now && !idle_.empty(); starts_.pop_front()) {
        if (!may_start()) continue;
        Connection& connection = *idle_.back();
        idle_.pop_back();
        start(connection, now);
    }
    if (!arrivals_) return;
    for (; arrivals_->next() <= now; arrivals_->advance()) {
        const Nanos due = arrivals_->next();
        if (!idle_.empty()) {
            Connection& connection = *idle_.back();
            idle_.pop_back();
            start(connection, due);
        } else if (backlog_.size() < kBacklogMax) {
            backlog_.push_back(due);
            if (in_window()) ++report_->late_sends;
        } else if (in_window()) {
            ++report_->unfinished;
        }
    }
}

void Generator::start(Connection& connection, Nanos due) {
    connection.request = &requests_[started_++ % requests_.size()];
    connection.busy = true;
    connection.due = due;
    connection.sent = 0;
    connection.events_seen = 0;
    connection.reader.reset();
    // A connection found broken here is dealt with when epoll reports it.
    static_cast<void>(send_rest(connection));
}

// False when the connection is broken.
bool Generator::send_rest(Connection& connection) {
    const std::string& request = *connection.request;
    while (connection.sent < request.size()) {
        const ssize_t moved = ::send(connection.fd, request.data() + connection.sent,
                                     request.size() - connection.sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (moved < 0 && errno != EAGAIN && errno != EINTR) return false;
        if (moved < 0) break;
        connection.sent += static_cast<std::size_t>(moved);
    }
    const bool sending = connection.sent < request.size();
    if (sending != connection.sending) {
        epoll_event event{};
        event.events = sending ? EPOLLIN | EPOLLOUT : EPOLLIN;
        event.data.ptr = &connection;
        ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
        connection.sending = sending;
    }
    return true;
}

Result<void> Generator::on_ready(Connection& connection, std::uint32_t events) {
    if ((events & EPOLLOUT) != 0 && !send_rest(connection)) return broke(connection);
    if ((events & ~EPOLLOUT) == 0) return {};
    std::array<char, 64 * 1024> buffer;
    const ssize_t moved = ::recv(connection.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (moved < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    if (moved > 0) {
        return on_bytes(connection, {buffer.data(), static_cast<std::size_t>(moved)});
    }
    if (!connection.busy) {
        ++report_->reconnects;
        return connect(connection);
    }
    if (connection.reader.end_of_input() == ResponseReader::State::kDone) {
        return finish(connection, now_ns());
    }
    return broke(connection);
}

Result<void> Generator::on_bytes(Connection& connection, std::string_view bytes) {
    if (!connection.busy) return broke(connection);
    const ResponseReader::State state = connection.reader.feed(bytes);
    if (in_window()) {
        ++report_->reads;
        report_->events += connection.reader.events() - connection.events_seen;
    }
    if (connection.events_seen == 0 && connection.reader.events() != 0 && counted(connection.due)) {
        report_->first_event.record(
            static_cast<std::uint64_t>((now_ns() - connection.due).count()));
    }
    connection.events_seen = connection.reader.events();
    if (state == ResponseReader::State::kMore) return {};
    if (state == ResponseReader::State::kBad) return broke(connection);
    return finish(connection, now_ns());
}

Result<void> Generator::finish(Connection& connection, Nanos now) {
    account(connection, now);
    if (!connection.reader.keep_alive()) {
        ++report_->reconnects;
        if (Result<void> done = connect(connection); !done) return done;
    }
    go_on(connection, now);
    return {};
}

// What a connection does once it is free.
void Generator::go_on(Connection& connection, Nanos now) {
    connection.busy = false;
    ++ended_;
    if (!backlog_.empty()) {
        const Nanos due = backlog_.front();
        backlog_.pop_front();
        start(connection, due);
    } else if (!arrivals_ && !stopping_ && may_start()) {
        start(connection, now);
    } else {
        idle_.push_back(&connection);
    }
}

// Closed loop counts what ends in the window, open loop what was due in it.
void Generator::account(const Connection& connection, Nanos now) {
    if (arrivals_ ? !counted(connection.due) : !in_window()) return;
    const ResponseReader& reader = connection.reader;
    if (reader.status() != 200) {
        if (report_->wrong_status++ == 0) report_->first_wrong_status = reader.status();
        return;
    }
    if (!expect_bytes_ && !options_.stream) expect_bytes_ = reader.body_bytes();
    if (expect_bytes_ && reader.body_bytes() != *expect_bytes_) {
        ++report_->wrong_length;
        return;
    }
    ++report_->requests;
    report_->latency.record(static_cast<std::uint64_t>((now - connection.due).count()));
    if (const std::optional<ServerTiming>& timing = reader.timing()) {
        report_->gateway_total.record(timing->total_ns);
        report_->gateway_overhead.record(timing->total_ns -
                                         std::min(timing->upstream_ns, timing->total_ns));
    }
}

Result<void> Generator::broke(Connection& connection) {
    if (connection.busy && counted(connection.due)) ++report_->broken;
    if (++broken_ > kBrokenMax) {
        return fail(ErrorCode::kUnavailable,
                    "the server broke off more than " + std::to_string(kBrokenMax) + " answers");
    }
    const bool was_busy = connection.busy;
    if (Result<void> done = connect(connection); !done) return done;
    if (was_busy) go_on(connection, now_ns());
    return {};
}

// A request that was never answered is at least as slow as it is old: leaving it out would hide
// exactly the worst.
void Generator::count_unfinished(Nanos now) {
    const auto add = [&](Nanos due) {
        if (!counted(due)) return;
        ++report_->unfinished;
        report_->latency.record(static_cast<std::uint64_t>((now - due).count()));
    };
    for (const Connection& connection : connections_) {
        if (connection.busy) add(connection.due);
    }
    for (const Nanos due : backlog_) add(due);
}

}  // namespace

Result<std::unique_ptr<Report>> generate(const Options& options) {
    Generator generator(options);
    return generator.run();
}

}  // namespace vidai::bench::load
