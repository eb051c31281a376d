// SPDX-License-Identifier: Apache-2.0
// What commands share that make statements: how far one has spread, and spans of time in flags.
// Main thread.
#pragma once

#include <chrono>
#include <string>

#include "cli/call.h"
#include "cli/print/answer.h"
#include "mesh/operator.h"

namespace vidai::cli::commands {

// `answer`, whose data is an object, and how far the statement has spread; with --wait an error
// unless everybody has it.
Result<print::Answer> spread(Call& call, Operator& mesh, const mesh::Stated& said,
                             print::Answer answer);

// "90s", "15m", "1h" or "7d", at most ten years. kUsage.
Result<std::chrono::seconds> parse_span(const std::string& flag, const std::string& text);

}  // namespace vidai::cli::commands
