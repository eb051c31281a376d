// SPDX-License-Identifier: Apache-2.0
// Cashier: whom a worker tells that an account lacks money, and who wakes the workers when there is
// some. What it does about it is the mesh thread's: it asks the owner of the budget, and publishes.
#pragma once

#include "schema/base/wake_list.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/units.h"

namespace vidai::mesh::budget {

class Cashier {
  public:
    // A request waits for that much, or has been refused for the lack of it. Of a budget that is in
    // the table. Never blocks: requests of one budget count as one, the dearest, and one that finds
    // no room is dropped; who waited for it asks again or is refused when its time is up. Any
    // worker.
    virtual void ask(const BudgetId& budget, MicroUsd need) = 0;

    // Workers that wait. To be signalled after an account has got money or a table has been
    // published: after, so that who looks because of it sees it. Whether anybody waits does not
    // matter. Any thread.
    WakeList& waiting() { return waiting_; }

  protected:
    ~Cashier() = default;

  private:
    WakeList waiting_;
};

}  // namespace vidai::mesh::budget
