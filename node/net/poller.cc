// SPDX-License-Identifier: Apache-2.0
#include "node/net/poller.h"

#include <utility>

#include <boost/asio/post.hpp>

#include "schema/vocabulary/check.h"

namespace vidai::node::net {
namespace {

int make_epoll() {
    const int fd = ::epoll_create1(EPOLL_CLOEXEC);
    CHECK(fd >= 0, "epoll_create1: out of file descriptors");
    return fd;
}

}  // namespace

Poller::Poller(boost::asio::io_context& io, std::function<void()> before_batch,
               std::function<void()> after_batch)
    : io_(io),
      epoll_(io.get_executor(), make_epoll()),
      before_batch_(std::move(before_batch)),
      after_batch_(std::move(after_batch)) {}

bool Poller::control(int fd, std::uint32_t events, EventHandler& handler) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &handler;
    return ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, fd, &event) == 0;
}

bool Poller::add(int fd, EventHandler& handler) {
    return control(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, handler);
}

bool Poller::add_listener(int fd, EventHandler& handler) {
    return control(fd, EPOLLIN, handler);
}

void Poller::remove(int fd, EventHandler& handler) {
    ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, fd, nullptr);
    for (int i = 0; i < batch_size_; ++i) {
        epoll_event& event = batch_[static_cast<std::size_t>(i)];
        if (event.data.ptr == &handler) event.data.ptr = nullptr;
    }
}

void Poller::stop() {
    stopped_ = true;
    epoll_.cancel();
}

void Poller::arm() {
    epoll_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [this](const boost::system::error_code& error) {
                          if (!error && !stopped_) on_readable();
                      });
}

void Poller::on_readable() {
    for (int round = 0; round < kRoundsPerTurn; ++round) {
        if (!run_batch()) {
            if (!stopped_) arm();
            return;
        }
    }
    // More may be waiting, and Asio watches the set edge-triggered: come back by ourselves.
    boost::asio::post(io_, [this] {
        if (!stopped_) on_readable();
    });
}

// True while the set may hold more events than were taken.
bool Poller::run_batch() {
    batch_size_ = ::epoll_wait(epoll_.native_handle(), batch_.data(), kBatch, 0);
    const int taken = batch_size_;
    before_batch_();
    for (int i = 0; i < batch_size_ && !stopped_; ++i) {
        const epoll_event event = batch_[static_cast<std::size_t>(i)];
        if (event.data.ptr != nullptr) {
            static_cast<EventHandler*>(event.data.ptr)->on_events(event.events);
        }
    }
    batch_size_ = 0;
    after_batch_();
    return taken == kBatch;
}

}  // namespace vidai::node::net
