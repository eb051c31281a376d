// SPDX-License-Identifier: Apache-2.0
// A coarse timer wheel (Varghese and Lauck 1987, scheme 6) for the deadlines of connections.
// Thousands of deadlines move on every request, hardly any fires: so moving one later is a single
// store, and only the wheel's own tick looks at it again. Pure; one worker's thread.
#pragma once

#include <array>
#include <cstddef>

#include "schema/vocabulary/time.h"

namespace vidai::node::net {

class DeadlineWheel;

// Something with one deadline at a time. Leaves its wheel when it dies.
class DeadlineHandler {
  public:
    DeadlineHandler() = default;
    DeadlineHandler(const DeadlineHandler&) = delete;
    DeadlineHandler& operator=(const DeadlineHandler&) = delete;
    // Called once, at most one tick late, never early. May set, clear, or destroy any handler.
    virtual void on_deadline(MonoTime now) = 0;

  protected:
    virtual ~DeadlineHandler() { unlink(); }

  private:
    friend class DeadlineWheel;
    void unlink();

    DeadlineHandler* previous_ = nullptr;  // null: not in a wheel
    DeadlineHandler* next_ = nullptr;
    MonoTime due_ = MonoTime::max();
    MonoTime slot_time_;  // when the slot it is linked in will be looked at
};

class DeadlineWheel {
  public:
    static constexpr std::size_t kSlots = 512;

    // The horizon is kSlots ticks; a later deadline is looked at once per horizon.
    DeadlineWheel(Duration tick, MonoTime now);
    ~DeadlineWheel();
    DeadlineWheel(const DeadlineWheel&) = delete;
    DeadlineWheel& operator=(const DeadlineWheel&) = delete;

    void set(DeadlineHandler& handler, MonoTime due);
    void clear(DeadlineHandler& handler) { handler.due_ = MonoTime::max(); }
    // Fires what is due. Call once per tick; missed ticks are made up for.
    void advance(MonoTime now);
    Duration tick() const { return tick_; }

  private:
    struct Head final : DeadlineHandler {
        void on_deadline(MonoTime) override {}
    };
    void link(DeadlineHandler& handler, MonoTime due);
    Head& slot_at(MonoTime time);

    const Duration tick_;
    MonoTime now_;  // the start of the tick that was last advanced to
    std::array<Head, kSlots> slots_;
};

}  // namespace vidai::node::net
