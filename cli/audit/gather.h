// SPDX-License-Identifier: Apache-2.0
// Asks every member of the mesh for its books: first all of them, and when all have answered all
// once more. Writes nothing anywhere. Blocks; main thread, with helpers of its own.
#pragma once

#include <chrono>
#include <cstddef>

#include "cli/audit/books.h"
#include "cli/world.h"
#include "schema/vocabulary/result.h"

namespace vidai::cli::audit {

inline constexpr std::size_t kAskedAtOnce = 16;

// `first`: the node that `target` names; the errors of its members() otherwise. An empty budget
// stands for all.
Result<Books> gather(const World& world, const mesh::OperatorTarget& target, Operator& first,
                     const BudgetId& budget, std::chrono::milliseconds timeout);

}  // namespace vidai::cli::audit
