// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/driver.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/money/world.h"
#include "tests/sim/shrink.h"
#include "tests/sim/tier2/mesh_world.h"
#include "tests/sim/world.h"

namespace vidai::sim {
namespace {

constexpr std::uint32_t kShrinkRuns = 300, kShrinkRunsSlow = 150;
constexpr std::array kSwitches{&Trim::no_traffic, &Trim::one_clock, &Trim::plain_links};
constexpr std::array kMoneySwitches{&Trim::plain_budgets, &Trim::no_traffic, &Trim::plain_links};
constexpr std::size_t kFailuresMax = 32;  // of one worker, with --keep-going
constexpr std::size_t kTextMax = 240;

// What a worker tells its parent, in memory that they share.
struct Failure {
    std::uint64_t seed = 0;
    ExitCode code = kClean;
    char rule[48] = {}, detail[kTextMax] = {}, trim[kTextMax] = {};
};
struct Report {
    std::uint64_t running = 0;  // the seed that it is at
    std::uint64_t clean = 0;
    std::int64_t simulated_ns = 0;
    std::int64_t slowest_ns = 0;
    std::uint64_t bytes_per_second_max = 0;
    std::uint64_t judged = 0;  // strangers; or requests billed
    std::uint64_t trace = 0;   // of all seeds, in whatever order they ran
    std::size_t failures = 0;
    Failure failed[kFailuresMax];
};

double in_seconds(std::int64_t ns) {
    return static_cast<double>(ns) / 1e9;
}

ExitCode worse(ExitCode a, ExitCode b) {
    constexpr ExitCode kOrder[] = {kCrash, kSafety, kLiveness, kFailed, kUsage};
    for (const ExitCode code : kOrder) {
        if (a == code || b == code) return code;
    }
    return kClean;
}

// As a shell reads it back: a folder's name may have a space in it.
std::string shell_word(const std::string& text) {
    if (text.find_first_of(" \t'\"\\$`&|;<>()*?[]#~") == std::string::npos) return text;
    std::string word = "'";
    for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
    return word + "'";
}

std::string replay_line(const std::string& program, std::uint64_t seed, const std::string& trim,
                        const Arguments& arguments) {
    std::string line = shell_word(program);
    if (arguments.tier == 2) line += " --tier 2";
    if (arguments.tier == Arguments::kMoney) line += " --tier money";
    line += " --seeds " + std::to_string(seed) + trim;
    if (!arguments.mutant.empty()) line += " --mutant " + arguments.mutant;
    return line;
}

// One seed as its tier has it.
struct Seed {
    std::uint64_t number = 0;
    const Arguments& arguments;

    Outcome run(const Trim& trim, bool verbose = false) const {
        if (arguments.tier == Arguments::kMoney)
            return run_money(draw_money(number, trim), verbose);
        if (arguments.tier == 2) return run_mesh(draw_story(number, trim), verbose);
        return run_plan(draw_plan(number, trim), mesh::membership::Options{}, verbose);
    }
    std::string describe(const Trim& trim) const {
        if (arguments.tier == Arguments::kMoney) return draw_money(number, trim).describe();
        if (arguments.tier == 2) return draw_story(number, trim).describe();
        return draw_plan(number, trim).describe();
    }
    std::size_t faults(const Trim& trim) const {
        if (arguments.tier == Arguments::kMoney) return draw_money(number, trim).events.size();
        if (arguments.tier == 2) return draw_story(number, trim).events.size();
        return draw_plan(number, trim).faults.size();
    }
    Shrunk shrunk(const std::string& rule) const {
        Trim whole = arguments.trim;
        whole.no_traffic = false;  // of tier 2, events that are counted too
        return shrink(
            arguments.trim, faults(whole), rule,
            [this](const Trim& trim) { return run(trim).violation.rule; },
            arguments.tier == 1 ? kShrinkRuns : kShrinkRunsSlow,
            arguments.tier == Arguments::kMoney ? std::span<const Switch>(kMoneySwitches)
                                                : kSwitches);
    }
};

void explain(const Seed& seed, const Outcome& outcome, const Shrunk& shrunk,
             const Arguments& arguments, const std::string& program) {
    std::string text = "\n" + std::string(outcome.violation.liveness ? "liveness" : "safety") +
                       " broken: " + outcome.violation.rule + ": " + outcome.violation.detail +
                       "\n" + seed.describe(arguments.trim) + "last events:\n";
    for (const std::string& line : outcome.history) text += line + "\n";
    char trace[32];
    std::snprintf(trace, sizeof trace, "%016llx",
                  static_cast<unsigned long long>(outcome.trace_hash));
    text += std::string("trace ") + trace + ", revision " + arguments.revision + "\n";
    text +=
        "replay: " + replay_line(program, seed.number, arguments.trim.describe(), arguments) + "\n";
    text += "shrunk to " + std::to_string(shrunk.faults) + " faults in " +
            std::to_string(shrunk.runs) + " runs:\n" + seed.describe(shrunk.trim) +
            "replay: " + replay_line(program, seed.number, shrunk.trim.describe(), arguments) +
            "\n";
    std::fputs(text.c_str(), stderr);
}

void note_failure(std::uint64_t seed, const Violation& violation, const Trim& trim, Report& out) {
    if (out.failures == kFailuresMax) return;
    Failure& failure = out.failed[out.failures++];
    failure.seed = seed;
    failure.code = violation.liveness ? kLiveness : kSafety;
    std::snprintf(failure.rule, sizeof failure.rule, "%s", violation.rule.c_str());
    std::snprintf(failure.detail, sizeof failure.detail, "%s", violation.detail.c_str());
    std::snprintf(failure.trim, sizeof failure.trim, "%s", trim.describe().c_str());
}

// Seeds first + worker, first + worker + jobs, ...; false when it should go no further.
bool run_one(const Arguments& arguments, std::uint64_t seed, const std::string& program,
             Report& out) {
    out.running = seed;
    const Seed one{seed, arguments};
    const Outcome outcome = one.run(arguments.trim, arguments.verbose);
    out.simulated_ns += outcome.simulated.count();
    out.slowest_ns = std::max<std::int64_t>(out.slowest_ns, outcome.converged_after.count());
    out.bytes_per_second_max = std::max(out.bytes_per_second_max, outcome.bytes_per_second_max);
    out.judged += outcome.judged;
    out.trace += outcome.trace_hash * (2 * seed + 1);
    if (arguments.hashes || arguments.verbose) {
        std::printf("%llu %016llx %.1f s\n", static_cast<unsigned long long>(seed),
                    static_cast<unsigned long long>(outcome.trace_hash),
                    in_seconds(outcome.converged_after.count()));
    }
    if (outcome.violation.rule.empty()) {
        ++out.clean;
        return true;
    }
    if (arguments.expect_caught) {
        note_failure(seed, outcome.violation, arguments.trim, out);
        return false;
    }
    const Shrunk shrunk = one.shrunk(outcome.violation.rule);
    note_failure(seed, outcome.violation, shrunk.trim, out);
    explain(one, outcome, shrunk, arguments, program);
    return arguments.keep_going && out.failures < kFailuresMax;
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) >= 0x20) out += c;
    }
    return out + "\"";
}

void print_json(const Arguments& arguments, const Report& sum, const std::vector<Failure>& failed,
                double wall, const std::string& program) {
    std::printf("{\"revision\": %s, \"first\": %llu, \"last\": %llu, \"clean\": %llu, ",
                quoted(arguments.revision).c_str(),
                static_cast<unsigned long long>(arguments.first),
                static_cast<unsigned long long>(arguments.last),
                static_cast<unsigned long long>(sum.clean));
    std::printf("\"trace\": \"%016llx\", \"slowest_convergence_s\": %.1f, ",
                static_cast<unsigned long long>(sum.trace), in_seconds(sum.slowest_ns));
    std::printf("\"seeds_per_s\": %.1f, \"simulated_s_per_s\": %.0f, \"failed\": [",
                static_cast<double>(sum.clean + failed.size()) / wall,
                in_seconds(sum.simulated_ns) / wall);
    for (std::size_t i = 0; i < failed.size(); ++i) {
        const Failure& f = failed[i];
        const char* kind = f.code == kCrash ? "crash" : f.code == kLiveness ? "liveness" : "safety";
        std::printf(
            "%s{\"seed\": %llu, \"kind\": \"%s\", \"rule\": %s, \"detail\": %s, "
            "\"replay\": %s}",
            i > 0 ? ", " : "", static_cast<unsigned long long>(f.seed), kind,
            quoted(f.rule).c_str(), quoted(f.detail).c_str(),
            quoted(replay_line(program, f.seed, f.trim, arguments)).c_str());
    }
    std::puts("]}");
}

void print_text(const Arguments& arguments, const Report& sum, const std::vector<Failure>& failed,
                double wall) {
    if (arguments.expect_caught) {
        for (const Failure& f : failed) {
            std::printf("caught by seed %llu: %s: %s\n", static_cast<unsigned long long>(f.seed),
                        f.rule, f.detail);
        }
        return;
    }
    std::printf(
        "%llu seeds of %llu..%llu clean, %zu failed; slowest convergence %.1f s after "
        "healing; at most %.0f kB/s sent by a node; %.1f seeds and %.0f simulated seconds "
        "per second\n",
        static_cast<unsigned long long>(sum.clean),
        static_cast<unsigned long long>(arguments.first),
        static_cast<unsigned long long>(arguments.last), failed.size(), in_seconds(sum.slowest_ns),
        static_cast<double>(sum.bytes_per_second_max) / 1e3,
        static_cast<double>(sum.clean + failed.size()) / wall, in_seconds(sum.simulated_ns) / wall);
    if (arguments.tier == 2) {
        std::printf("%llu strangers were judged\n", static_cast<unsigned long long>(sum.judged));
    }
    if (arguments.tier == Arguments::kMoney) {
        std::printf("%llu requests were billed\n", static_cast<unsigned long long>(sum.judged));
    }
}

// The workers' reports, in memory that outlives them; freed with this process.
Report* shared_reports(std::uint32_t jobs) {
    void* memory = mmap(nullptr, jobs * sizeof(Report), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    auto* reports = static_cast<Report*>(memory);
    for (std::uint32_t i = 0; i < jobs; ++i) new (&reports[i]) Report;
    return reports;
}

pid_t start_worker(const Arguments& arguments, std::uint32_t worker, const std::string& program,
                   Report& out) {
    std::fflush(stdout);
    const pid_t parent = getpid(), child = fork();
    if (child != 0) return child;
    // Whoever ends the parent, by whatever signal, wants no more of its seeds either.
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent) _exit(kFailed);
    for (std::uint64_t seed = arguments.first + worker; seed <= arguments.last;
         seed += arguments.jobs) {
        if (!run_one(arguments, seed, program, out)) break;
    }
    std::fflush(stdout);
    _exit(0);
}

void note_crash(const Arguments& arguments, int status, const std::string& program, Report& out) {
    const std::string how = WIFSIGNALED(status)
                                ? "ended by signal " + std::to_string(WTERMSIG(status))
                                : "ended with code " + std::to_string(WEXITSTATUS(status));
    Failure& failure = out.failed[std::min(out.failures++, kFailuresMax - 1)];
    failure.seed = out.running;
    failure.code = kCrash;
    std::snprintf(failure.rule, sizeof failure.rule, "no-crash");
    std::snprintf(failure.detail, sizeof failure.detail, "%s", how.c_str());
    std::snprintf(failure.trim, sizeof failure.trim, "%s", arguments.trim.describe().c_str());
    std::fprintf(stderr, "\ncrash: %s\n%sreplay: %s\n", how.c_str(),
                 Seed{out.running, arguments}.describe(arguments.trim).c_str(),
                 replay_line(program, out.running, failure.trim, arguments).c_str());
}

}  // namespace

ExitCode run_seeds(const Arguments& arguments, const std::string& program) {
    Report* const reports = shared_reports(arguments.jobs);
    if (reports == nullptr) return kFailed;
    const auto begin = std::chrono::steady_clock::now();
    std::vector<pid_t> workers;
    for (std::uint32_t i = 0; i < arguments.jobs; ++i) {
        workers.push_back(start_worker(arguments, i, program, reports[i]));
        if (workers.back() < 0) return kFailed;
    }
    ExitCode worst = kClean;
    Report sum;
    std::vector<Failure> failed;
    for (std::uint32_t i = 0; i < arguments.jobs; ++i) {
        int status = 0;
        if (waitpid(workers[i], &status, 0) != workers[i]) return kFailed;
        Report& each = reports[i];
        if (status != 0) note_crash(arguments, status, program, each);
        sum.clean += each.clean;
        sum.simulated_ns += each.simulated_ns;
        sum.slowest_ns = std::max(sum.slowest_ns, each.slowest_ns);
        sum.bytes_per_second_max = std::max(sum.bytes_per_second_max, each.bytes_per_second_max);
        sum.judged += each.judged;
        sum.trace += each.trace;
        for (std::size_t f = 0; f < std::min(each.failures, kFailuresMax); ++f) {
            failed.push_back(each.failed[f]);
            worst = worse(worst, each.failed[f].code);
        }
    }
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
    if (arguments.json) {
        print_json(arguments, sum, failed, wall.count(), program);
    } else {
        print_text(arguments, sum, failed, wall.count());
    }
    return worst;
}

ExitCode run_corpus(const Arguments& arguments, const std::string& program) {
    std::ifstream file(arguments.corpus);
    if (!file) {
        std::fprintf(stderr, "vidai-sim: cannot read %s\n", arguments.corpus.c_str());
        return kFailed;
    }
    ExitCode worst = kClean;
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::string revision;
        if (!(words >> revision)) continue;
        std::vector<std::string> options;
        for (std::string word; words >> word;) options.push_back(word);
        std::string why;
        auto entry = parse_arguments(options, why);
        if (!entry || !entry->mutant.empty()) {
            std::fprintf(stderr, "%s:%d: %s\n", arguments.corpus.c_str(), number, why.c_str());
            return kUsage;
        }
        entry->revision = arguments.revision;
        entry->json = arguments.json;
        worst = worse(worst, run_seeds(*entry, program));
    }
    return worst;
}

}  // namespace vidai::sim
