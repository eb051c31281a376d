// SPDX-License-Identifier: Apache-2.0
// The command line of vidaid. Which options have a flag is a column of option_table.h; the values
// stay text here and are read by load(), so that a flag, a variable and a line of the file are
// checked by the same code. Main thread, at start.
#pragma once

#include <chrono>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/vocabulary/result.h"

namespace vidai::node::config {

struct Flags {
    std::string config_file;  // --config
    bool check_config = false;
    std::chrono::milliseconds clock_offset{};  // --clock-offset: of the time of day, for tests
    bool version = false;
    bool help = false;
    // Path of an option -> what was written, once per use of its flag.
    std::map<std::string, std::vector<std::string>> options;
};

// `arguments` without the program's name. kUsage with a message for a person; exit with 2 then.
// --help and --version win over everything else on the line.
Result<Flags> parse_flags(std::span<const char* const> arguments);

// What --help prints.
std::string help_text();

// Whether an error's `param` names an option: its path, flag or variable, or a path in a provider
// or model. Else it is a file, an address or the name of a reason.
bool is_option(std::string_view param);

}  // namespace vidai::node::config
