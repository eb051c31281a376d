// SPDX-License-Identifier: Apache-2.0
#include "bench/mock/fast.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <memory>
#include <string_view>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/mock/answer.h"
#include "bench/mock/connection.h"
#include "bench/mock/text.h"

namespace vidai::bench::mock {
namespace {

// Everything that is ever sent, rendered once.
struct Canned {
    explicit Canned(const Behaviour& behaviour)
        : whole(render(behaviour, false, false).front()),
          stream{render(behaviour, true, false), render(behaviour, true, true)} {}

    // One string per write: all of a whole answer; a stream's head and roles, then its events.
    static std::vector<std::string> render(const Behaviour& pace, bool stream, bool usage) {
        Behaviour plain;
        plain.tokens = pace.tokens;
        ChatCall call{.model = "mock-small",
                      .stream = stream,
                      .include_usage = usage,
                      .tokens_max = std::nullopt,
                      .input_tokens = 120,
                      .messages_hash = 0};
        Answer answer(call, plain, {.number = 1, .created = 1'700'000'000, .seed = 1});
        std::vector<std::string> writes;
        for (;;) {
            const Step step = answer.next();
            if (!step.bytes.empty()) {
                // Without a pace there is nothing to wait for between two events.
                const bool together = pace.tokens_per_second == 0 && !writes.empty();
                if (!together) writes.emplace_back();
                writes.back() += step.bytes;
            }
            if (step.then != Step::Then::kMore) return writes;
        }
    }

    std::string whole;
    std::array<std::vector<std::string>, 2> stream;  // without and with usage
};

std::size_t content_length(std::string_view head) {
    constexpr std::string_view kName = "content-length:";
    for (std::size_t at = head.find('\n'); at != head.npos; at = head.find('\n', at + 1)) {
        const std::string_view line = head.substr(at + 1, kName.size());
        if (line.size() != kName.size() || (line[0] | 0x20) != 'c' ||
            ::strncasecmp(line.data(), kName.data(), kName.size()) != 0) {
            continue;
        }
        std::string_view value = head.substr(at + 1 + kName.size());
        while (value.starts_with(' ')) value.remove_prefix(1);
        std::size_t length = 0;
        std::from_chars(value.begin(), value.end(), length);
        return length;
    }
    return 0;
}

bool asks_for_stream(std::string_view body) {
    const std::size_t at = body.find("\"stream\":");
    return at != body.npos && body.substr(at + 9, 5).find('t') != body.npos;
}

class FastServer {
  public:
    FastServer(const Options& options, int listener, int signals)
        : canned_(options.behaviour),
          connections_max_(options.connections_max),
          interval_(token_interval(options.behaviour)),
          listener_(listener),
          signals_(signals),
          epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
    ~FastServer() {
        for (const auto& slot : slots_) {
            if (slot && slot->open) ::close(slot->fd);
        }
        for (const int fd : {listener_, signals_, epoll_}) ::close(fd);
    }
    FastServer(const FastServer&) = delete;
    FastServer& operator=(const FastServer&) = delete;

    Result<void> run();

  private:
    static constexpr std::size_t kBufferBytes = 16 * 1024;
    struct Slot {
        int fd = -1;
        bool open = false;
        bool waits_for_room = false;
        std::uint64_t generation = 0;
        std::size_t have = 0;                              // bytes in buffer
        std::size_t skip = 0;                              // body bytes still to come, unlooked at
        std::string_view out;                              // canned bytes still to send
        const std::vector<std::string>* stream = nullptr;  // being played
        std::size_t next = 0;                              // of its writes
        std::string own;                                   // bytes that are not canned
        std::array<char, kBufferBytes> buffer;
    };
    struct Tick {
        Time due;
        int fd;
        std::uint64_t generation;
    };

    void watch(int operation, int fd, std::uint32_t events) const;
    void accept_all();
    void on_ready(Slot& slot, std::uint32_t events);
    bool take_requests(Slot& slot);
    void answer(Slot& slot, std::string_view head, std::string_view body);
    bool send_out(Slot& slot);
    void close(Slot& slot);
    void play_due(Time now);

    Canned canned_;
    std::size_t connections_max_;
    std::chrono::nanoseconds interval_;
    int listener_;
    int signals_;
    int epoll_;
    Stats stats_;
    std::vector<std::unique_ptr<Slot>> slots_;  // by descriptor
    std::deque<Tick> ticks_;  // every stream has the same interval, so first in is first due
};

void FastServer::watch(int operation, int fd, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    ::epoll_ctl(epoll_, operation, fd, &event);
}

Result<void> FastServer::run() {
    if (epoll_ < 0) return fail(ErrorCode::kIo, "epoll_create1 failed");
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN);
    watch(EPOLL_CTL_ADD, signals_, EPOLLIN);
    std::array<epoll_event, 256> events{};
    for (;;) {
        timespec timeout{};
        if (!ticks_.empty()) {
            const auto left = ticks_.front().due - std::chrono::steady_clock::now();
            timeout.tv_nsec = std::clamp<std::int64_t>(left.count(), 0, 999'999'999);
        }
        const int ready = ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()),
                                         ticks_.empty() ? nullptr : &timeout, nullptr);
        if (ready < 0 && errno != EINTR) return fail(ErrorCode::kIo, "epoll_pwait2 failed");
        for (int i = 0; i < ready; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            if (event.data.fd == signals_) return {};
            if (event.data.fd == listener_) {
                accept_all();
            } else {
                on_ready(*slots_[static_cast<std::size_t>(event.data.fd)], event.events);
            }
        }
        if (!ticks_.empty()) play_due(std::chrono::steady_clock::now());
    }
}

void FastServer::accept_all() {
    for (int i = 0; i < 64; ++i) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        ++stats_.accepted;
        if (stats_.open >= connections_max_) {
            ::close(fd);
            continue;
        }
        const auto index = static_cast<std::size_t>(fd);
        if (slots_.size() <= index) slots_.resize(index + 1);
        if (!slots_[index]) slots_[index] = std::make_unique<Slot>();
        Slot& slot = *slots_[index];
        slot.fd = fd;
        slot.open = true;
        ++slot.generation;
        ++stats_.open;
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
}

void FastServer::close(Slot& slot) {
    ::close(slot.fd);
    slot.open = false;
    slot.waits_for_room = false;
    slot.have = slot.skip = 0;
    slot.out = {};
    slot.stream = nullptr;
    --stats_.open;
}

void FastServer::on_ready(Slot& slot, std::uint32_t events) {
    if (!slot.open) return;
    if ((events & EPOLLOUT) != 0 && (!send_out(slot) || !take_requests(slot))) {
        close(slot);
        return;
    }
    if ((events & ~EPOLLOUT) == 0) return;
    // Room is left whenever no answer is in hand: take_requests empties the buffer.
    const ssize_t moved =
        ::recv(slot.fd, slot.buffer.data() + slot.have, slot.buffer.size() - slot.have, 0);
    if (moved < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (moved <= 0) {
        close(slot);
        return;
    }
    slot.have += static_cast<std::size_t>(moved);
    if (!take_requests(slot)) close(slot);
}

// Answers the requests that are whole, one at a time. False when the connection must close.
bool FastServer::take_requests(Slot& slot) {
    std::size_t at = 0;
    while (slot.out.empty() && slot.stream == nullptr) {
        if (slot.skip != 0) {
            const std::size_t now = std::min(slot.skip, slot.have - at);
            slot.skip -= now;
            at += now;
            if (slot.skip != 0) break;
            answer(slot, {}, {});
            if (!send_out(slot)) return false;
            continue;
        }
        const std::string_view rest(slot.buffer.data() + at, slot.have - at);
        const std::size_t end = rest.find("\r\n\r\n");
        if (end == rest.npos) break;
        const std::string_view head = rest.substr(0, end + 4);
        const std::size_t length = content_length(head.substr(0, end + 2));
        if (head.size() + length > kBufferBytes) {
            slot.skip = length;
            at += head.size();
            continue;
        }
        if (rest.size() < head.size() + length) break;
        answer(slot, head, rest.substr(head.size(), length));
        at += head.size() + length;
        if (!send_out(slot)) return false;
    }
    slot.have -= at;
    if (at != 0 && slot.have != 0) std::memmove(&slot.buffer[0], &slot.buffer[at], slot.have);
    return slot.have < kBufferBytes;
}

void FastServer::answer(Slot& slot, std::string_view head, std::string_view body) {
    if (head.starts_with("GET /mock/stats ")) {
        std::string json;
        append(json, "{\"connections_accepted\":", stats_.accepted,
               ",\"connections_open\":", stats_.open, ",\"requests\":", stats_.requests, "}\n");
        slot.own = response(200, "application/json", "", json, true);
        slot.out = slot.own;
        return;
    }
    ++stats_.requests;
    if (!asks_for_stream(body)) {
        slot.out = canned_.whole;
        return;
    }
    const bool usage = body.find("\"include_usage\"") != body.npos;
    const std::vector<std::string>& stream = canned_.stream[usage ? 1 : 0];
    slot.out = stream.front();
    if (stream.size() == 1) return;
    slot.stream = &stream;
    slot.next = 1;
    ticks_.push_back({.due = std::chrono::steady_clock::now() + interval_,
                      .fd = slot.fd,
                      .generation = slot.generation});
}

// False when the connection broke.
bool FastServer::send_out(Slot& slot) {
    while (!slot.out.empty()) {
        const ssize_t moved = ::send(slot.fd, slot.out.data(), slot.out.size(), MSG_NOSIGNAL);
        if (moved < 0 && errno != EAGAIN && errno != EINTR) return false;
        if (moved < 0) {
            if (!slot.waits_for_room) watch(EPOLL_CTL_MOD, slot.fd, EPOLLIN | EPOLLOUT);
            slot.waits_for_room = true;
            return true;
        }
        slot.out.remove_prefix(static_cast<std::size_t>(moved));
    }
    if (slot.waits_for_room) watch(EPOLL_CTL_MOD, slot.fd, EPOLLIN);
    slot.waits_for_room = false;
    return true;
}

void FastServer::play_due(Time now) {
    while (!ticks_.empty() && ticks_.front().due <= now) {
        const Tick tick = ticks_.front();
        ticks_.pop_front();
        Slot& slot = *slots_[static_cast<std::size_t>(tick.fd)];
        if (slot.generation != tick.generation || !slot.open || slot.stream == nullptr) continue;
        // A reader that is too slow misses its turn, not its event.
        if (slot.out.empty()) {
            slot.out = (*slot.stream)[slot.next++];
            if (slot.next == slot.stream->size()) slot.stream = nullptr;
            if (!send_out(slot) || (slot.stream == nullptr && !take_requests(slot))) {
                close(slot);
                continue;
            }
        }
        if (slot.stream != nullptr) {
            ticks_.push_back(
                {.due = tick.due + interval_, .fd = tick.fd, .generation = tick.generation});
        }
    }
}

}  // namespace

Result<void> serve_fast(const Options& options, Listener listener) {
    if (!options.tls_cert.empty()) {
        return fail(ErrorCode::kUsage, "--fast does not speak TLS: leave out --tls-cert");
    }
    const Result<int> signals = stop_signal();
    if (!signals) return fail(signals.error());
    FastServer server(options, listener.fd, *signals);
    return server.run();
}

}  // namespace vidai::bench::mock
