// SPDX-License-Identifier: Apache-2.0
// CPU time of other processes, read at the edges of the measured window so that the window and
// the count are the same. From /proc/PID/task/*/schedstat: nanoseconds on the CPU, with the softirq
// work done in the task's context. Threads that ended in between are missed; servers do not.
#pragma once

#include <cstdint>
#include <span>

#include "schema/vocabulary/result.h"

namespace vidai::bench::load {

// The sum over all threads of all `pids`, in nanoseconds. Errors: kNotFound, naming the process.
Result<std::uint64_t> cpu_ns(std::span<const int> pids);

}  // namespace vidai::bench::load
