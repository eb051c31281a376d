// SPDX-License-Identifier: Apache-2.0
// Counter: written by one thread, read by any. A relaxed load and store instead of a locked add,
// because there is one writer; a scraper sees a value at most one step old.
#pragma once

#include <atomic>
#include <cstdint>

namespace vidai {

class Counter {
  public:
    void add(std::uint64_t n = 1) {  // owner thread
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    void subtract(std::uint64_t n = 1) {  // owner thread
        value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
    }
    std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }  // any thread

  private:
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace vidai
