// SPDX-License-Identifier: Apache-2.0
// Commands about single calls, listed in usage.cc, and how others go through calls one by one. Main
// thread.
#pragma once

#include <functional>
#include <string>

#include "cli/call.h"
#include "cli/print/answer.h"
#include "mesh/operator.h"
#include "mesh/usage/sheet.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/units.h"

namespace vidai::cli::commands {

// Of all nodes, each call and each correction of one once; in the answer, who is missing and why.
// `take` says whether there may be more.
using TakePage = std::function<bool(const mesh::UsagePage&)>;
Result<print::Answer> search_usage(Call& call, const mesh::usage::Search& search,
                                   const TakePage& take);
void note_unreadable(const mesh::UsagePage& page, print::Answer& answer);
// That a call cost, or by how much it is corrected; zero where nobody knew a price.
MicroUsd cost_of(const mesh::usage::Event& event);
std::string signed_usd(MicroUsd amount);  // "-0.5usd"

Result<print::Answer> run_export(Call& call);
Result<print::Answer> run_explain(Call& call);

}  // namespace vidai::cli::commands
