// SPDX-License-Identifier: Apache-2.0
// What the kernel says of this process, for the standard process_* metrics. Any thread.
#pragma once

#include <cstdint>

namespace vidai::node::observe {

struct ProcessStats {
    double cpu_seconds = 0;
    double start_time_seconds = 0;  // since 1970
    std::uint64_t resident_bytes = 0;
    std::uint64_t virtual_bytes = 0;
    std::uint64_t open_fds = 0;
    std::uint64_t max_fds = 0;
    std::uint64_t threads = 0;
};

// Zeros for what cannot be read.
ProcessStats process_stats();

}  // namespace vidai::node::observe
