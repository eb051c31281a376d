// SPDX-License-Identifier: Apache-2.0
// Commands about single calls, listed in usage.cc.
#pragma once

#include "cli/call.h"
#include "cli/print/answer.h"
#include "schema/vocabulary/result.h"

namespace vidai::cli::commands {

Result<print::Answer> run_export(Call& call);
Result<print::Answer> run_explain(Call& call);

}  // namespace vidai::cli::commands
