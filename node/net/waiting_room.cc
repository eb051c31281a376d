// SPDX-License-Identifier: Apache-2.0
#include "node/net/waiting_room.h"

#include <utility>

#include "node/net/clock.h"
#include "schema/vocabulary/check.h"

namespace vidai::node::net {

WaitingRoom::WaitingRoom(boost::asio::io_context& io, Poller& poller, WakeList& signals,
                         Duration wait)
    : poller_(poller), signals_(signals), wait_(wait), timer_(io.get_executor()) {
    CHECK(poller_.add(wake_.fd(), *this), "epoll refuses an eventfd");
    signals_.add(wake_);
}

WaitingRoom::~WaitingRoom() {
    CHECK(waiting_.empty(), "somebody still waits");
    signals_.remove(wake_);
    poller_.remove(wake_.fd(), *this);
}

bool WaitingRoom::enter(Waiter& waiter) {
    CHECK(waiter.place_ == 0, "waits already");
    if (wait_ <= Duration::zero() || waiting_.size() >= kWaitersMax) return false;
    waiter.place_ = ++last_place_;
    waiting_.emplace_hint(waiting_.end(), waiter.place_, Place{&waiter, mono_now() + wait_});
    if (!armed_) arm();
    return true;
}

void WaitingRoom::leave(Waiter& waiter) {
    waiting_.erase(std::exchange(waiter.place_, 0));
}

// A waiter may leave, take others with it, or come back behind all that wait now.
void WaitingRoom::on_events(std::uint32_t) {
    wake_.clear();
    const std::uint64_t last = last_place_;
    for (auto at = waiting_.begin(); at != waiting_.end() && at->first <= last;) {
        const std::uint64_t place = at->first;
        at->second.waiter->on_money(false);
        at = waiting_.upper_bound(place);
    }
}

// For the first: all wait equally long. When it has left before its time, the timer fires in vain.
void WaitingRoom::arm() {
    const Duration left = waiting_.begin()->second.until - mono_now();
    armed_ = true;
    timer_.expires_after(left);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) on_time();
    });
}

void WaitingRoom::on_time() {
    armed_ = false;
    const MonoTime now = mono_now();
    while (!waiting_.empty() && waiting_.begin()->second.until <= now) {
        const std::uint64_t place = waiting_.begin()->first;
        waiting_.begin()->second.waiter->on_money(true);
        CHECK(waiting_.empty() || waiting_.begin()->first != place, "waits longer than it may");
    }
    if (!waiting_.empty()) arm();
}

}  // namespace vidai::node::net
