// SPDX-License-Identifier: Apache-2.0
// Funding a permit: reserving what a request may cost in each hard budget that its key stands
// under, in all of them or in none. Where a budget of this node lacks money, its owner may have
// some: the Cashier is told, all budgets that lack it at once, and the request may wait, holding
// nothing. Pure but for the accounts' atomics; any worker. About 40 ns a budget.
#pragma once

#include <cstdint>
#include <optional>

#include "mesh/budget/budget_table.h"
#include "mesh/budget/cashier.h"
#include "mesh/state/key_record.h"
#include "node/admit/permit.h"
#include "node/request/budget_refusal.h"
#include "schema/vocabulary/error.h"
#include "schema/vocabulary/units.h"

namespace vidai::node::admit {

enum class Patience : std::uint8_t { kMayWait, kIsOver };

struct Funding {
    enum class Step : std::uint8_t {
        kFunded,   // the permit is; also where the key stands under no budget
        kWait,     // money may come: ask again when woken. Not once patience is over
        kRefused,  // `error` says why
    };
    Step step = Step::kFunded;
    std::optional<Error> error;
    std::optional<request::BudgetRefusal> refusal;  // with `error`
    // kFunded, and this is how a budget that is only observed would have refused it.
    std::optional<ErrorCode> would_refuse;
    // Where money is all that lacks: what every budget may come to grant, now once patience is
    // over. A request that costs no more may ask again.
    std::optional<MicroUsd> reach;
};

// Whether one of the key's budgets is known here and refuses what it cannot cover. Where none does,
// a request that nobody can bound is let in all the same.
bool binds(const mesh::state::KeyRecord& key, const mesh::budget::BudgetTable& budgets);

// `worst_case` is what one attempt may cost; 0 needs no money of a budget that exists. Refused, the
// first that holds in any of the budgets, by money's failure table: kBudgetUnknown, kBudgetDeleted,
// kBudgetExhausted, kBudgetUnavailable; and once patience is over kBudgetBusy. A budget that is
// only observed is waited for as another is, but then refuses nobody: its account is charged what
// it lacks, if this node has one.
Funding fund(Permit& permit, const mesh::state::KeyRecord& key, MicroUsd worst_case,
             const mesh::budget::BudgetTable& budgets, mesh::budget::Cashier& cashier,
             Patience patience);

}  // namespace vidai::node::admit
