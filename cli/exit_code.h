// SPDX-License-Identifier: Apache-2.0
// What the shell learns: the one table from ErrorCode to an exit status. Pure; any thread.
#pragma once

#include <span>
#include <string_view>

#include "schema/vocabulary/error.h"

namespace vidai::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 1;
inline constexpr int kExitUsage = 2;         // the command line; nothing was sent
inline constexpr int kExitNotFound = 3;      // no such node, key or context
inline constexpr int kExitUnavailable = 4;   // no answer, or not in time: try again
inline constexpr int kExitNotPermitted = 5;  // who asks could not prove it, or may not
inline constexpr int kExitFindings = 6;      // the answer is that something is wrong

int exit_code(ErrorCode code);

struct ExitMeaning {
    int status;
    std::string_view meaning;
};
// In the order of their numbers, for --help and the reference page.
std::span<const ExitMeaning> exit_meanings();

}  // namespace vidai::cli
