// SPDX-License-Identifier: Apache-2.0
#include "cli/call.h"
#include "cli/commands/command.h"

namespace vidai::cli::commands {
namespace {

// VIDAI_VERSION and VIDAI_BUILD_TYPE are set for this file by cli/CMakeLists.txt.
Result<print::Answer> run_version(Call&) {
    print::Answer answer;
    answer.data = {{"version", VIDAI_VERSION}, {"build_type", VIDAI_BUILD_TYPE}};
    answer.fields = {{"Version", {VIDAI_VERSION}}, {"Build type", {VIDAI_BUILD_TYPE}}};
    return answer;
}

}  // namespace

std::vector<Command> version_commands() {
    return {{"version",
             "",
             "Show the version of this program. 'mesh status' shows that of a node.",
             {},
             {},
             run_version}};
}

}  // namespace vidai::cli::commands
