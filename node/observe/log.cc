// SPDX-License-Identifier: Apache-2.0
#include "node/observe/log.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include "node/observe/log_line.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::observe {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kStopGrace{1};
constexpr int kPollMs = 50;
constexpr std::chrono::seconds kHeldBackLook{1};

WallTime wall_now() {
    return WallTime(std::chrono::floor<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch()));
}

// Whether or not the line will be written: a debug event is not to drift unseen.
void check_declared([[maybe_unused]] Event event,
                    [[maybe_unused]] std::initializer_list<LogField> fields) {
#ifdef VIDAI_CHECK_EVENTS
    for (const LogField& field : fields) {
        const bool empty = field.name.empty() && field.value.absent();
        CHECK(empty || has_field(event_info(event), field.name),
              std::string(event_info(event).name) + " has no field " + std::string(field.name));
    }
#endif
}

}  // namespace

struct Log::Impl {
    // How much of an event was written in the current second.
    struct Rate {
        std::int64_t second = -1;
        std::uint32_t written = 0;
        std::uint64_t suppressed = 0;
    };

    Impl(const LogOptions& options, int to) : fd(to), terminal(::isatty(to) == 1) {
        apply(options);
        writer = std::thread([this] { run(); });
    }

    void apply(const LogOptions& options) {
        level.store(options.level, std::memory_order_relaxed);
        requests.store(options.requests, std::memory_order_relaxed);
        text.store(
            options.format == LogFormat::kText || (options.format == LogFormat::kAuto && terminal),
            std::memory_order_relaxed);
    }

    std::string line(WallTime now, Event event, std::span<const LogField> fields,
                     std::uint64_t suppressed) const {
        const auto format = text.load(std::memory_order_relaxed) ? text_line : json_line;
        return format(now, event_info(event), fields, suppressed);
    }

    // Under the lock: may this line be written, and how many were left out before it?
    bool admit(Event event, std::size_t part, WallTime now, std::uint64_t& suppressed) {
        if (queue.size() >= kLogLinesMax) {
            ++dropped;
            return false;
        }
        const std::uint32_t most = event_info(event).per_second_max;
        if (most == 0) return true;
        Rate& rate = rates[static_cast<std::size_t>(event)][part % kLogParts];
        const std::int64_t second = now.time_since_epoch().count() / 1'000;
        if (rate.second != second) {
            rate.second = second;
            rate.written = 0;
        }
        if (rate.written >= most) {
            if (rate.suppressed++ == 0 && held_back++ == 0) wake.notify_one();
            return false;
        }
        ++rate.written;
        suppressed = std::exchange(rate.suppressed, 0);
        if (suppressed > 0) --held_back;
        return true;
    }

    // Under the lock: lines for what was held back and no later line of its kind has told. `all`:
    // nothing comes any more.
    void tell_held_back(WallTime now, bool all, std::vector<std::string>& lines) {
        const std::int64_t second = now.time_since_epoch().count() / 1'000;
        if (held_back == 0 || (!all && std::exchange(looked, second) == second)) return;
        for (const EventInfo& event : every_event()) {
            for (Rate& rate : rates[static_cast<std::size_t>(event.event)]) {
                const bool over = all || rate.second + 1 < second;
                if (rate.suppressed == 0 || !over) continue;
                lines.push_back(line(now, event.event, {}, std::exchange(rate.suppressed, 0)));
                --held_back;
            }
        }
    }

    void run() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are the main thread's
        std::vector<std::string> batch;
        std::unique_lock lock(mutex);
        while (true) {
            const auto due = [this] { return !queue.empty() || stopping; };
            if (!due() && held_back > 0) {
                wake.wait_for(lock, kHeldBackLook);
            } else if (!due()) {
                wake.wait(lock);  // or something is held back
            }
            const bool over = queue.empty() && stopping;
            batch.swap(queue);
            const std::size_t handed_in = batch.size();
            tell_held_back(wall_now(), over, batch);
            if (batch.empty() && over) return;
            if (batch.empty()) continue;
            const std::uint64_t lost = dropped - reported;
            reported = dropped;
            lock.unlock();
            if (lost > 0) {
                const LogField field{"lines", lost};
                batch.push_back(line(wall_now(), Event::kLogDropped, {&field, 1}, 0));
            }
            write_all(batch);
            lock.lock();
            written += handed_in;
            batch.clear();
            drained.notify_all();
        }
    }

    // Whole lines of at most PIPE_BUF at once: those a pipe with room takes without blocking and
    // without mixing them with another process's.
    void write_all(const std::vector<std::string>& lines) {
        std::string piece;
        for (const std::string& one : lines) {
            if (!piece.empty() && piece.size() + one.size() > PIPE_BUF) {
                write_piece(piece);
                piece.clear();
            }
            piece += one;
        }
        write_piece(piece);
    }

    void write_piece(std::string_view bytes) {
        while (!bytes.empty() && !abandoned) {
            pollfd ready{fd, POLLOUT, 0};
            if (::poll(&ready, 1, kPollMs) == 0) {
                abandoned = past_grace();
                continue;
            }
            const std::size_t most = std::min<std::size_t>(bytes.size(), PIPE_BUF);
            const ssize_t n = ::write(fd, bytes.data(), most);
            if (n >= 0) {
                bytes.remove_prefix(static_cast<std::size_t>(n));
            } else if (errno != EINTR && errno != EAGAIN) {
                return;  // nobody reads any more; nowhere to say so
            }
        }
    }

    bool past_grace() {
        const std::lock_guard lock(mutex);
        return stopping && Clock::now() >= stop_by;
    }

    const int fd;
    const bool terminal;
    std::atomic<LogLevel> level{};
    std::atomic<bool> requests{};
    std::atomic<bool> text{};
    bool abandoned = false;  // writer thread: the end came and nobody reads

    std::mutex mutex;  // all below
    std::condition_variable wake, drained;
    std::vector<std::string> queue;
    std::array<std::array<Rate, kLogParts>, kEventCount> rates;
    std::size_t held_back = 0;  // of the rates, how many have something to tell
    std::int64_t looked = 0;    // for that; in seconds
    std::uint64_t accepted = 0, written = 0, dropped = 0, reported = 0;
    bool stopping = false;
    Clock::time_point stop_by;
    std::thread writer;
};

Log::Log(const LogOptions& options, int fd) : impl_(std::make_unique<Impl>(options, fd)) {}

Log::~Log() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stopping = true;
        impl_->stop_by = Clock::now() + kStopGrace;
    }
    impl_->wake.notify_all();
    impl_->writer.join();
}

void Log::write(Event event, std::initializer_list<LogField> fields, std::size_t part) {
    check_declared(event, fields);
    if (!enabled(event)) return;
    const WallTime now = wall_now();
    std::uint64_t suppressed = 0;
    {
        const std::lock_guard lock(impl_->mutex);
        if (!impl_->admit(event, part, now, suppressed)) return;
    }
    std::string line = impl_->line(now, event, fields, suppressed);  // outside the lock
    bool was_empty = false;
    {
        const std::lock_guard lock(impl_->mutex);
        was_empty = impl_->queue.empty();
        impl_->queue.push_back(std::move(line));
        ++impl_->accepted;
    }
    if (was_empty) impl_->wake.notify_one();
}

bool Log::enabled(Event event) const {
    return event_info(event).level >= impl_->level.load(std::memory_order_relaxed);
}
bool Log::requests_enabled() const {
    return impl_->requests.load(std::memory_order_relaxed);
}

void Log::reconfigure(const LogOptions& options) {
    impl_->apply(options);
}

bool Log::flush(double seconds) {
    std::unique_lock lock(impl_->mutex);
    const std::uint64_t target = impl_->accepted;
    return impl_->drained.wait_for(lock, std::chrono::duration<double>(seconds),
                                   [&] { return impl_->written >= target; });
}

std::uint64_t Log::dropped() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->dropped;
}

}  // namespace vidai::node::observe
