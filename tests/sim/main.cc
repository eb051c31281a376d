// SPDX-License-Identifier: Apache-2.0
// vidai-sim: real cores, modelled network, virtual time, many seeds. See --help.
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "schema/base/mutant.h"
#include "tests/sim/arguments.h"
#include "tests/sim/driver.h"
#include "tests/sim/figures.h"
#include "tests/sim/money/figures.h"

namespace {

using namespace vidai::sim;  // NOLINT(google-build-using-namespace)

bool choose_mutant([[maybe_unused]] const Arguments& arguments) {
#ifdef VIDAI_MUTANTS
    vidai::active_mutant = arguments.mutant;
    return true;
#else
    return arguments.mutant.empty() && !arguments.expect_caught;
#endif
}

// What is checked out in `folder`; empty outside a repository.
std::string revision_in(const std::string& folder) {
    std::FILE* git =
        popen(("git -C '" + folder + "' rev-parse --short=12 HEAD 2>/dev/null").c_str(), "r");
    if (git == nullptr) return "";
    std::array<char, 64> line{};
    const bool read = std::fgets(line.data(), line.size(), git) != nullptr;
    pclose(git);
    std::string revision = read ? line.data() : "";
    while (!revision.empty() && revision.back() == '\n') revision.pop_back();
    return revision;
}

// Of where this program was built, since it may be run from anywhere; of a copy that lies outside
// the repository, where it runs.
std::string revision_here() {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    const std::string folder = error ? "" : program.parent_path().string();
    const bool quotable = !folder.empty() && folder.find('\'') == std::string::npos;
    std::string revision = quotable ? revision_in(folder) : "";
    if (revision.empty()) revision = revision_in(".");
    return revision.empty() ? "unknown" : revision;
}

int refuse(const std::string& why) {
    std::fprintf(stderr, "vidai-sim: %s\n\n%s", why.c_str(), usage().c_str());
    return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
    std::string why;
    auto arguments = parse_arguments({argv + 1, argv + argc}, why);
    if (!arguments) return refuse(why);
    if (arguments->help) {
        std::fputs(usage().c_str(), stdout);
        return kClean;
    }
    if (!choose_mutant(*arguments)) return refuse("this build has no mutants in it");
    if (arguments->revision.empty()) arguments->revision = revision_here();
    if (arguments->fresh) {
        if (arguments->revision == "unknown") return refuse("fresh seeds need --revision here");
        choose_fresh(*arguments);
    }
    const bool money = arguments->tier == Arguments::kMoney;
    if (arguments->figures && money) return write_money_figures(*arguments);
    if (arguments->figures) return write_figures(*arguments) ? kClean : kFailed;
    if (!arguments->corpus.empty()) return run_corpus(*arguments, argv[0]);
    const ExitCode code = run_seeds(*arguments, argv[0]);
    if (!arguments->expect_caught) return code;
    return code == kSafety || code == kLiveness ? kClean : kFailed;
}
