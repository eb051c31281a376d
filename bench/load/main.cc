// SPDX-License-Identifier: Apache-2.0
// vidai-load: an open-loop (and closed-loop) load generator for chat completions.
#include <iostream>

#include <sys/resource.h>

#include "bench/load/generator.h"

int main(int argc, char** argv) {
    using namespace vidai;
    using namespace vidai::bench::load;
    std::string help;
    const Result<Options> options = parse_options(argc, argv, help);
    if (!options) {
        std::cerr << "vidai-load: " << options.error().message << " (see --help)\n";
        return 2;
    }
    if (!help.empty()) {
        std::cout << help;
        return 0;
    }
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    const Result<std::unique_ptr<Report>> report = generate(*options);
    if (!report) {
        std::cerr << "vidai-load: " << report.error().message << '\n';
        return 1;
    }
    std::cout << report_json(*options, **report);
    return 0;
}
