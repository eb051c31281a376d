// SPDX-License-Identifier: Apache-2.0
// WakeList: how one thread tells several that something they may wait for has happened: each has an
// eventfd that its loop watches. All are signalled, whoever waits: a signal that comes between
// a thread's look and its waiting stays in its descriptor, so that none is missed. Any thread.
#pragma once

#include <mutex>
#include <vector>

#include "schema/base/mailbox.h"

namespace vidai {

class WakeList {
  public:
    // `wake` must be removed before it dies.
    void add(WakeFd& wake) {
        const std::lock_guard lock(mutex_);
        wakes_.push_back(&wake);
    }
    void remove(WakeFd& wake) {
        const std::lock_guard lock(mutex_);
        std::erase(wakes_, &wake);
    }
    void signal() {
        const std::lock_guard lock(mutex_);
        for (WakeFd* const wake : wakes_) wake->signal();
    }

  private:
    std::mutex mutex_;
    std::vector<WakeFd*> wakes_;
};

}  // namespace vidai
