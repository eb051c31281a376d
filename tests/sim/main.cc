// SPDX-License-Identifier: Apache-2.0
// vidai-sim: real cores, modelled network, virtual time, many seeds.
// Exit codes: 0 all seeds clean; 1 the simulator itself failed; 2 usage; 3 a safety rule was
// broken; 4 convergence was not reached. A crash of a core ends the process by its signal.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "schema/base/mutant.h"
#include "tests/sim/figures.h"
#include "tests/sim/world.h"

namespace {

using namespace vidai;       // NOLINT(google-build-using-namespace)
using namespace vidai::sim;  // NOLINT(google-build-using-namespace)

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitSafety = 3;
constexpr int kExitLiveness = 4;

struct Arguments {
    std::uint64_t first = 1, last = 100;
    std::uint32_t nodes = 0;
    std::uint32_t jobs = 1;
    bool json = false, verbose = false, figures = false, hashes = false, expect_caught = false;
    std::string mutant;
    std::string report = "build/reports/sim.json";
};

constexpr const char* kUsage =
    "usage: vidai-sim [--seeds A..B] [--nodes N] [--jobs N] [--json] [--verbose] [--hashes]\n"
    "       vidai-sim --figures [--report FILE]\n"
    "       vidai-sim-mutants --mutant NAME [--expect-caught] [--seeds A..B]\n"
    "mutants: no-refutation suspicion-without-timeout relayed-heartbeats roster-forgotten\n"
    "         generation-not-honoured\n";

template <class Integer>
bool parse(std::string_view text, Integer& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
}

bool parse_seeds(std::string_view text, Arguments& out) {
    const std::size_t dots = text.find("..");
    if (dots == std::string_view::npos) {
        if (!parse(text, out.first)) return false;
        out.last = out.first;
        return true;
    }
    return parse(text.substr(0, dots), out.first) && parse(text.substr(dots + 2), out.last) &&
           out.first <= out.last;
}

bool parse(int argc, char** argv, Arguments& out) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view flag = argv[i];
        const auto value = [&] { return std::string_view(i + 1 < argc ? argv[++i] : ""); };
        bool good = true;
        if (flag == "--seeds") {
            good = parse_seeds(value(), out);
        } else if (flag == "--nodes") {
            good = parse(value(), out.nodes) && out.nodes >= 1 && out.nodes <= 63;
        } else if (flag == "--jobs") {
            good = parse(value(), out.jobs) && out.jobs >= 1 && out.jobs <= 64;
        } else if (flag == "--report") {
            out.report = value();
        } else if (flag == "--mutant") {
            out.mutant = value();
            good = std::strstr(kUsage, out.mutant.c_str()) != nullptr && !out.mutant.empty();
        } else if (flag == "--json") {
            out.json = true;
        } else if (flag == "--verbose") {
            out.verbose = true;
        } else if (flag == "--hashes") {
            out.hashes = true;
        } else if (flag == "--figures") {
            out.figures = true;
        } else if (flag == "--expect-caught") {
            out.expect_caught = true;
        } else {
            good = false;
        }
        if (!good) return false;
    }
    return true;
}

bool choose_mutant([[maybe_unused]] const Arguments& arguments) {
#ifdef VIDAI_MUTANTS
    active_mutant = arguments.mutant;
    return true;
#else
    return arguments.mutant.empty() && !arguments.expect_caught;
#endif
}

void explain(const Plan& plan, const Outcome& outcome, const Arguments& arguments,
             const char* program) {
    std::fprintf(stderr, "\n%s broken: %s: %s\n%slast events:\n",
                 outcome.violation.liveness ? "liveness" : "safety", outcome.violation.rule.c_str(),
                 outcome.violation.detail.c_str(), plan.describe().c_str());
    for (const std::string& line : outcome.history) std::fprintf(stderr, "%s\n", line.c_str());
    std::fprintf(stderr, "trace %016llx\nreplay: %s --seeds %llu",
                 static_cast<unsigned long long>(outcome.trace_hash), program,
                 static_cast<unsigned long long>(plan.seed));
    if (arguments.nodes != 0) std::fprintf(stderr, " --nodes %u", arguments.nodes);
    if (!arguments.mutant.empty()) std::fprintf(stderr, " --mutant %s", arguments.mutant.c_str());
    std::fprintf(stderr, " --verbose\n");
}

// Seeds first + worker, first + worker + jobs, ... until one fails.
int run_seeds(const Arguments& arguments, std::uint32_t worker, const char* program) {
    const mesh::membership::Options options;
    Duration slowest{};
    Duration simulated{};
    std::uint64_t count = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t seed = arguments.first + worker; seed <= arguments.last;
         seed += arguments.jobs) {
        const Plan plan = draw_plan(seed, arguments.nodes);
        const Outcome outcome = run_plan(plan, options, arguments.verbose);
        ++count;
        simulated += outcome.simulated;
        slowest = std::max(slowest, outcome.converged_after);
        if (arguments.hashes || arguments.verbose) {
            std::printf("%llu %016llx %.1f s\n", static_cast<unsigned long long>(seed),
                        static_cast<unsigned long long>(outcome.trace_hash),
                        static_cast<double>(outcome.converged_after.count()) / 1e9);
        }
        if (outcome.violation.rule.empty()) continue;
        if (arguments.expect_caught) {
            std::printf("caught by seed %llu: %s: %s\n", static_cast<unsigned long long>(seed),
                        outcome.violation.rule.c_str(), outcome.violation.detail.c_str());
        } else {
            explain(plan, outcome, arguments, program);
        }
        return outcome.violation.liveness ? kExitLiveness : kExitSafety;
    }
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
    const double speed = static_cast<double>(simulated.count()) / 1e9 / wall.count();
    const double heal = static_cast<double>(slowest.count()) / 1e9;
    std::printf(arguments.json
                    ? "{\"seeds\": %llu, \"failed\": 0, \"slowest_convergence_s\": %.1f, "
                      "\"simulated_s_per_wall_s\": %.0f}\n"
                    : "%llu seeds clean, slowest convergence %.1f s after healing, %.0f simulated "
                      "seconds per second\n",
                static_cast<unsigned long long>(count), heal, speed);
    return 0;
}

// A process per worker: nothing is shared, and a crash of one is seen by the others' parent.
int run_jobs(const Arguments& arguments, const char* program) {
    std::vector<pid_t> children;
    for (std::uint32_t worker = 0; worker < arguments.jobs; ++worker) {
        const pid_t child = fork();
        if (child < 0) return kExitFailed;
        if (child == 0) {
            const int code = run_seeds(arguments, worker, program);
            std::fflush(stdout);
            _exit(code);
        }
        children.push_back(child);
    }
    int worst = 0;
    for (const pid_t child : children) {
        int status = 0;
        if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
            worst = kExitFailed;
        } else if (worst != kExitFailed && WEXITSTATUS(status) != 0) {
            worst = WEXITSTATUS(status);
        }
    }
    return worst;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    if (!parse(argc, argv, arguments) || !choose_mutant(arguments)) {
        std::fputs(kUsage, stderr);
        return kExitUsage;
    }
    if (arguments.figures) return write_figures(arguments.report) ? 0 : kExitFailed;
    const int code =
        arguments.jobs == 1 ? run_seeds(arguments, 0, argv[0]) : run_jobs(arguments, argv[0]);
    if (!arguments.expect_caught) return code;
    return code == kExitSafety || code == kExitLiveness ? 0 : kExitFailed;
}
