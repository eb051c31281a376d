// SPDX-License-Identifier: Apache-2.0
// A whole invocation of vidaictl as a function, so that tests see what a shell sees. Touches the
// context file and what World binds, nothing else. Main thread.
#pragma once

#include <span>
#include <string>

#include "cli/world.h"

namespace vidai::cli {

struct Outcome {
    int status = 0;   // exit_code.h
    std::string out;  // data
    std::string err;  // diagnostics
};

// `arguments` without the program's name.
Outcome run(std::span<const char* const> arguments, const World& world);

}  // namespace vidai::cli
