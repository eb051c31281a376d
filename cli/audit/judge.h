// SPDX-License-Identifier: Apache-2.0
// Whether the mesh's money is conserved, by what all nodes have of it. What must hold of a budget:
//
//   one owner       no two nodes can lend of the same bucket
//   limit           what its log has activated and not got back is at most the limit, but for a
//                   limit that was lowered, and for one that was only observed
//   committed       enough custodians have as much of the owner's log as it says is committed
//   one chain       each copy is a beginning of that log
//   lent            an owner's process grants no more than it has activated and committed
//   granted         no holder has more than its owner has granted it, and all of them together no
//                   more than was activated
//   conserved       granted = spent + reserved + free + returned, of each account
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/audit/books.h"
#include "schema/vocabulary/units.h"

namespace vidai::cli::audit {

enum class State : std::uint8_t { kOk, kInDoubt, kBroken };
std::string_view state_name(State state);  // "ok", "in doubt", "broken"

struct Finding {
    State state = State::kOk;  // kOk: to be known, and nothing is wrong
    std::string what;
};
struct Verdict {
    BudgetId budget;  // empty: of all, where it is of none alone
    NodeId owner;     // empty: none that answered
    State state = State::kOk;
    std::vector<Finding> findings;
    // Of the newest window; what is spent, reserved, free and granted is summed over all accounts.
    MicroUsd limit, activated, returned, pool;
    MicroUsd granted, spent, reserved, free;
};

std::string usd_text(MicroUsd amount);  // "-0.5usd" below zero

// By budget, but that of none alone first, if there is something to say of it.
std::vector<Verdict> judge(const Books& books);

}  // namespace vidai::cli::audit
