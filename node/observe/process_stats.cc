// SPDX-License-Identifier: Apache-2.0
#include "node/observe/process_stats.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

namespace vidai::node::observe {
namespace {

// The field of /proc/stat that says when the machine was started.
double boot_time_seconds() {
    std::ifstream in("/proc/stat");
    std::string word;
    while (in >> word) {
        double seconds = 0;
        if (word == "btime" && in >> seconds) return seconds;
    }
    return 0;
}

// proc(5): the fields of /proc/self/stat behind the command, which may hold spaces and ends at the
// last ')'. Field 3 is the first of them.
void read_stat(ProcessStats& stats) {
    std::ifstream in("/proc/self/stat");
    std::stringstream whole;
    whole << in.rdbuf();
    const std::string text = whole.str();
    const std::size_t end = text.rfind(')');
    if (end == std::string::npos) return;
    std::istringstream fields(text.substr(end + 1));
    const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::string field;
    double user = 0;
    for (int number = 3; number <= 24 && fields >> field; ++number) {
        if (number == 14) user = std::stod(field);
        if (number == 15) stats.cpu_seconds = (user + std::stod(field)) / ticks;
        if (number == 20) stats.threads = std::stoull(field);
        if (number == 22) stats.start_time_seconds = boot_time_seconds() + std::stod(field) / ticks;
        if (number == 23) stats.virtual_bytes = std::stoull(field);
        if (number == 24) stats.resident_bytes = std::stoull(field) * page;
    }
}

}  // namespace

ProcessStats process_stats() {
    ProcessStats stats;
    read_stat(stats);
    std::error_code error;
    for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
         at.increment(error)) {
        ++stats.open_fds;
    }
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = limit.rlim_cur;
    return stats;
}

}  // namespace vidai::node::observe
