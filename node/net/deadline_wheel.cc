// SPDX-License-Identifier: Apache-2.0
#include "node/net/deadline_wheel.h"

#include <algorithm>

namespace vidai::node::net {

void DeadlineHandler::unlink() {
    if (previous_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = nullptr;
}

DeadlineWheel::DeadlineWheel(Duration tick, MonoTime now)
    : tick_(tick), now_(Duration(now.time_since_epoch() / tick * tick)) {
    for (Head& head : slots_) head.previous_ = head.next_ = &head;
}

DeadlineWheel::~DeadlineWheel() {
    for (Head& head : slots_) {
        while (head.next_ != &head) head.next_->unlink();
        head.previous_ = head.next_ = nullptr;
    }
}

DeadlineWheel::Head& DeadlineWheel::slot_at(MonoTime time) {
    return slots_[static_cast<std::size_t>(time.time_since_epoch() / tick_) % kSlots];
}

void DeadlineWheel::link(DeadlineHandler& handler, MonoTime due) {
    // The slot after the one that holds `due`: its whole tick has passed when it is looked at.
    const MonoTime last = now_ + tick_ * (kSlots - 1);
    const MonoTime wanted = due >= last ? last : std::max(due, now_) + tick_;
    handler.slot_time_ = MonoTime(Duration(wanted.time_since_epoch() / tick_ * tick_));
    Head& head = slot_at(handler.slot_time_);
    handler.previous_ = head.previous_;
    handler.next_ = &head;
    head.previous_->next_ = &handler;
    head.previous_ = &handler;
}

void DeadlineWheel::set(DeadlineHandler& handler, MonoTime due) {
    handler.due_ = due;
    if (handler.previous_ != nullptr) {
        if (due + tick_ >= handler.slot_time_) return;  // the tick will find it, and move it on
        handler.unlink();
    }
    link(handler, due);
}

void DeadlineWheel::advance(MonoTime now) {
    // After a long pause every slot is looked at once, not every missed tick.
    if (now - now_ > tick_ * static_cast<std::int64_t>(kSlots)) {
        const MonoTime start = now - tick_ * static_cast<std::int64_t>(kSlots);
        now_ = MonoTime(Duration(start.time_since_epoch() / tick_ * tick_));
    }
    while (now_ + tick_ <= now) {
        now_ += tick_;
        Head& head = slot_at(now_);
        // Handlers may unlink others, so take the front one until those present now are gone; what
        // is linked again meanwhile goes to a later slot.
        while (head.next_ != &head) {
            DeadlineHandler& handler = *head.next_;
            handler.unlink();
            if (handler.due_ == MonoTime::max()) continue;
            if (handler.due_ > now) {
                link(handler, handler.due_);
                continue;
            }
            handler.due_ = MonoTime::max();
            handler.on_deadline(now);
        }
    }
}

}  // namespace vidai::node::net
