// SPDX-License-Identifier: Apache-2.0
// vidai-sim's command line, and its lines in the corpus of seeds that once failed. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/plan.h"

namespace vidai::sim {

// Stable: scripts and CI read them. A worse one hides a lesser one, in the order 5, 3, 4, 1.
enum ExitCode : int {
    kClean = 0,
    kFailed = 1,  // the simulator itself: no such file, no process to be had
    kUsage = 2,
    kSafety = 3,    // a rule was broken
    kLiveness = 4,  // what must happen in the end did not
    kCrash = 5,     // a core ended the process
};

struct Arguments {
    std::uint64_t first = 1, last = 100;
    bool fresh = false;  // the range follows from the revision, `count` seeds long
    std::uint64_t count = 2000;
    std::string revision;
    Trim trim;
    // 2: whole nodes' mesh threads, tier2/mesh_world.h; kMoney: banks, money/world.h
    std::uint32_t tier = 1;
    static constexpr std::uint32_t kMoney = 3;
    std::uint32_t jobs = 1;
    bool json = false, verbose = false, hashes = false, keep_going = false, help = false;
    std::string corpus;

    bool figures = false, long_figures = false;
    std::string only_figure;
    std::string report;  // empty: in build/reports

    std::string mutant;
    bool expect_caught = false;
};

// What --help prints.
std::string usage();
// Nothing when it is wrong; then `why` says what.
std::optional<Arguments> parse_arguments(const std::vector<std::string>& words, std::string& why);
// The seeds of a revision: another landing, other seeds, and anybody can find them again.
void choose_fresh(Arguments& arguments);

}  // namespace vidai::sim
