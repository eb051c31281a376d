// SPDX-License-Identifier: Apache-2.0
// Asks: the Cashier's counter, between workers and the mesh thread: what is asked for, a budget
// once. Bounded; a std::mutex that is held for a few instructions, and an eventfd for the mesh
// thread to wait on. ask() from any worker, the rest from the mesh thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <mutex>
#include <utility>

#include "mesh/budget/cashier.h"
#include "schema/base/mailbox.h"

namespace vidai::mesh::budget {

class Asks final : public Cashier {
  public:
    static constexpr std::size_t kBudgetsMax = 16'384;  // between two turns of the mesh thread

    void ask(const BudgetId& budget, MicroUsd need) override {
        bool first = false;
        {
            const std::lock_guard lock(mutex_);
            const auto found = needs_.find(budget);
            if (found != needs_.end()) {
                found->second = std::max(found->second, need);
                return;
            }
            if (needs_.size() >= kBudgetsMax) return;
            first = needs_.empty();
            needs_.emplace(budget, need);
        }
        if (first) wake_.signal();
    }

    // Readable whenever something may have been asked for.
    int fd() const { return wake_.fd(); }
    // By budget the most that one request needs.
    std::map<BudgetId, MicroUsd> take() {
        wake_.clear();
        const std::lock_guard lock(mutex_);
        return std::exchange(needs_, {});
    }

  private:
    std::mutex mutex_;
    std::map<BudgetId, MicroUsd> needs_;
    WakeFd wake_;
};

}  // namespace vidai::mesh::budget
