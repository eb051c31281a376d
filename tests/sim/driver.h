// SPDX-License-Identifier: Apache-2.0
// Runs many seeds in processes of their own, so that a crash is a result like any other, and says
// what came of them. One thread per process.
#pragma once

#include <string>

#include "tests/sim/arguments.h"

namespace vidai::sim {

// `program` is how a replay line names this program.
ExitCode run_seeds(const Arguments& arguments, const std::string& program);
// Every line of the file: a revision, then the options of one seed; # begins a comment.
ExitCode run_corpus(const Arguments& arguments, const std::string& program);

}  // namespace vidai::sim
