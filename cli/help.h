// SPDX-License-Identifier: Apache-2.0
// What --help prints and docs/reference/vidaictl.md holds, both from the list of commands. Pure;
// any thread.
#pragma once

#include <string>
#include <string_view>

#include "cli/commands/command.h"

namespace vidai::cli {

std::string help_text();                       // of the program
std::string help_text(std::string_view noun);  // the verbs of a noun
std::string help_text(const commands::Command& command);
std::string help_text(const commands::Command& command, const commands::Kind& kind);

std::string reference_markdown();

}  // namespace vidai::cli
