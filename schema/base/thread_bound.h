// SPDX-License-Identifier: Apache-2.0
// ThreadBound: a base for objects that live on one thread. assert_thread() ends a debug build when
// a second thread calls, and is nothing in release.
#pragma once

#include <thread>

#include "schema/vocabulary/check.h"

namespace vidai {

class ThreadBound {
  public:
    // Binds to the calling thread; for objects made on one thread and used on another.
    void bind_to_this_thread() {
#ifndef NDEBUG
        owner_ = std::this_thread::get_id();
#endif
    }

  protected:
    void assert_thread() const {
#ifndef NDEBUG
        CHECK(owner_ == std::this_thread::get_id(), "used from a foreign thread");
#endif
    }

  private:
#ifndef NDEBUG
    std::thread::id owner_ = std::this_thread::get_id();
#endif
};

}  // namespace vidai
