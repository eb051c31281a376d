// SPDX-License-Identifier: Apache-2.0
// vidai-explore: all interleavings of small money. See --help.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/mutant.h"
#include "tests/explore/search.h"

namespace {

using namespace vidai::explore;  // NOLINT(google-build-using-namespace)

constexpr std::string_view kHelp =
    R"(vidai-explore: every interleaving of commits, crashes, seals, handovers and leases

  vidai-explore [SCENARIO...] [--states N] [--walks N] [--seed N]
  vidai-explore-mutants SCENARIO --mutant NAME --expect-caught

Runs the real budget cores of a few nodes through every order of what may happen to them, and checks
the invariants in each state. Now and then faults end, and all of the budget must be spent or be
accounted for. Scenarios that are too large to exhaust are walked at random. Without a name: all.

  --states N   of each scenario at most (0: all; 0)
  --walks N    through each that is walked (2000)
  --seed N     of walks and of healing (1)

exit codes: 0 clean, 2 usage, 3 an invariant was broken

scenarios:
)";

struct Arguments {
    std::vector<const Scenario*> chosen;
    Bounds bounds;
    std::string mutant;
    bool expect_caught = false;
};

int refuse(const std::string& why) {
    std::fprintf(stderr, "vidai-explore: %s; see --help\n", why.c_str());
    return 2;
}

bool parse(int argc, char** argv, Arguments& out, std::string& why) {
    const auto number = [&](int& at, std::uint64_t& into) {
        const std::string_view text = at + 1 < argc ? argv[++at] : "";
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
        return error == std::errc() && end == text.data() + text.size() && !text.empty();
    };
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        bool good = true;
        if (name == "--states") {
            good = number(i, out.bounds.states_max);
        } else if (name == "--walks") {
            good = number(i, out.bounds.walks);
        } else if (name == "--seed") {
            good = number(i, out.bounds.seed);
        } else if (name == "--mutant" && i + 1 < argc) {
            out.mutant = argv[++i];
        } else if (name == "--expect-caught") {
            out.expect_caught = true;
        } else if (const Scenario* scenario = find_scenario(name)) {
            out.chosen.push_back(scenario);
        } else {
            why = (name.starts_with("-") ? "no option " : "no scenario ") + name;
            return false;
        }
        if (!good) {
            why = name + " wants a number";
            return false;
        }
    }
    return true;
}

// Prints one line, and where something is broken how to get there.
bool run(const Scenario& scenario, const Bounds& bounds) {
    const auto begin = std::chrono::steady_clock::now();
    const Found found = scenario.random ? walk(scenario, bounds) : exhaust(scenario, bounds);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf("%-15s %9llu %s, %10llu steps, %llu healed, %.1f s%s\n", scenario.name.c_str(),
                static_cast<unsigned long long>(found.states),
                scenario.random ? "walks " : "states",
                static_cast<unsigned long long>(found.transitions),
                static_cast<unsigned long long>(found.healed), took.count(),
                scenario.random || found.exhausted ? "" : ", not exhausted");
    std::fflush(stdout);  // the next may take minutes
    if (found.broken.empty()) return true;
    for (const Action& step : found.steps) std::printf("  %s\n", describe(step).c_str());
    std::printf("  broken: %s\n", found.broken.c_str());
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::string_view(argv[1]) == "--help") {
        std::fputs(std::string(kHelp).c_str(), stdout);
        for (const Scenario& scenario : scenarios()) {
            std::printf("  %-15s %s\n", scenario.name.c_str(), scenario.about.c_str());
        }
        return 0;
    }
    Arguments arguments;
    arguments.bounds.walks = 2000;
    std::string why;
    if (!parse(argc, argv, arguments, why)) return refuse(why);
#ifdef VIDAI_MUTANTS
    vidai::active_mutant = arguments.mutant;
#else
    if (!arguments.mutant.empty() || arguments.expect_caught) {
        return refuse("mutants are in vidai-explore-mutants");
    }
#endif
    if (arguments.chosen.empty()) {
        for (const Scenario& scenario : scenarios()) arguments.chosen.push_back(&scenario);
    }
    bool clean = true;
    for (const Scenario* scenario : arguments.chosen) {
        clean = run(*scenario, arguments.bounds) && clean;
    }
    if (arguments.expect_caught) {
        std::puts(clean ? "not caught" : "caught");
        return clean ? 3 : 0;
    }
    return clean ? 0 : 3;
}
