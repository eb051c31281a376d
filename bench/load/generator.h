// SPDX-License-Identifier: Apache-2.0
// The load generator's loop: one thread, one epoll set, keep-alive connections that carry one
// request at a time. Cheap enough to share a core with the mock while a gateway has the other.
#pragma once

#include <memory>

#include "bench/load/options.h"
#include "bench/load/report.h"

namespace vidai::bench::load {

// Runs the whole test. Errors: kUnavailable when the server cannot be reached or breaks off more
// than kBrokenMax answers; kNotFound for a process to watch.
inline constexpr std::uint64_t kBrokenMax = 10'000;
Result<std::unique_ptr<Report>> generate(const Options& options);

}  // namespace vidai::bench::load
