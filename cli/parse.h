// SPDX-License-Identifier: Apache-2.0
// A command line to words and flags. Flags may stand anywhere among the words, each at most once
// but for those that repeat; which words make sense is run.cc's business. The only door to CLI11.
// Pure; main thread.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/vocabulary/result.h"

namespace vidai::cli {

struct Line {
    std::vector<std::string> words;
    // Long name ("--output") -> what was written; of a flag without a value: "".
    std::map<std::string, std::string, std::less<>> flags;
};

// `arguments` without the program's name. Knows the flags of every command. kUsage.
Result<Line> parse_line(std::span<const char* const> arguments);

}  // namespace vidai::cli
