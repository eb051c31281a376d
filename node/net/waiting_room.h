// SPDX-License-Identifier: Apache-2.0
// WaitingRoom: the requests of one worker that wait for money (node/exchange: kPark). Each is asked
// to try again, the longest waiting first, whenever the Cashier's signal comes, and for the last
// time when it has waited as long as it may; meanwhile the worker goes on. Bounded in time and
// number. One worker's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "node/net/poller.h"
#include "schema/base/mailbox.h"
#include "schema/base/wake_list.h"
#include "schema/vocabulary/time.h"

namespace vidai::node::net {

// Leaves its room before it dies.
class Waiter {
  public:
    // Stays where it is unless it calls leave(), which it must when the wait is over.
    virtual void on_money(bool wait_is_over) = 0;

  protected:
    virtual ~Waiter() = default;

  private:
    friend class WaitingRoom;
    std::uint64_t place_ = 0;  // 0: waits nowhere
};

class WaitingRoom final : public EventHandler {
  public:
    static constexpr std::size_t kWaitersMax = 1'024;

    // `signals` outlives this. `wait` 0: nobody is let in.
    WaitingRoom(boost::asio::io_context& io, Poller& poller, WakeList& signals, Duration wait);
    ~WaitingRoom();
    WaitingRoom(const WaitingRoom&) = delete;
    WaitingRoom& operator=(const WaitingRoom&) = delete;

    // False when it is full. A waiter is in it once.
    [[nodiscard]] bool enter(Waiter& waiter);
    void leave(Waiter& waiter);  // of one that is not in it: nothing
    std::size_t size() const { return waiting_.size(); }

    void on_events(std::uint32_t events) override;  // of the signal

  private:
    struct Place {
        Waiter* waiter = nullptr;
        MonoTime until;
    };
    void arm();
    void on_time();

    Poller& poller_;
    WakeList& signals_;
    const Duration wait_;
    WakeFd wake_;
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>,
                                      boost::asio::io_context::executor_type>
        timer_;
    bool armed_ = false;
    std::uint64_t last_place_ = 0;
    std::map<std::uint64_t, Place> waiting_;  // by place, and so by when their time is up
};

}  // namespace vidai::node::net
