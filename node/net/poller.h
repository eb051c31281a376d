// SPDX-License-Identifier: Apache-2.0
// Readiness of many descriptors at one worker: an epoll set of our own, nested in the worker's
// io_context as a single descriptor. Asio keeps timers, signals, posting and the admin plane; the
// data path pays neither an operation object nor a completion handler per read (ADR 0002 has the
// measurements). Registered once, edge-triggered, in both directions: no epoll_ctl per request.
// One worker's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <sys/epoll.h>

namespace vidai::node::net {

class EventHandler {
  public:
    // `events` are EPOLL* bits. With edge triggering the handler reads or writes until it would
    // block, or remembers that it did not.
    virtual void on_events(std::uint32_t events) = 0;

  protected:
    ~EventHandler() = default;
};

class Poller {
  public:
    // `before_batch` runs ahead of each round of events: the place to look at the world anew;
    // `after_batch` behind it: the place to free what died in it.
    Poller(boost::asio::io_context& io, std::function<void()> before_batch,
           std::function<void()> after_batch);

    // Edge-triggered, readable | writable | peer closed. `handler` must be removed before it dies.
    // False when the kernel refuses (out of watches).
    [[nodiscard]] bool add(int fd, EventHandler& handler);
    // Level-triggered, readable: for listening sockets, where leaving some for later is the point.
    [[nodiscard]] bool add_listener(int fd, EventHandler& handler);
    // Also forgets events of this round that `handler` has not seen yet.
    void remove(int fd, EventHandler& handler);

    void start() { arm(); }
    void stop();

  private:
    static constexpr int kBatch = 128;
    static constexpr int kRoundsPerTurn = 4;  // then other work of the io_context gets its turn

    void arm();
    void on_readable();
    bool run_batch();
    bool control(int fd, std::uint32_t events, EventHandler& handler);

    boost::asio::io_context& io_;
    boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> epoll_;
    std::function<void()> before_batch_;
    std::function<void()> after_batch_;
    std::array<epoll_event, kBatch> batch_{};
    int batch_size_ = 0;
    bool stopped_ = false;
};

}  // namespace vidai::node::net
