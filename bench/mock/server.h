// SPDX-License-Identifier: Apache-2.0
// The epoll loop: accepts, wakes connections when they can go on or their time has come, and ends
// on SIGTERM or SIGINT. One thread, the caller's.
#pragma once

#include <cstdint>

#include "bench/mock/options.h"
#include "schema/vocabulary/result.h"

namespace vidai::bench::mock {

// A non-blocking listening socket on options.host and port; the port it got. Errors: kIo.
struct Listener {
    int fd = -1;
    std::uint16_t port = 0;
};
Result<Listener> listen_on(const Options& options);

// A descriptor that becomes readable on SIGTERM or SIGINT, which it takes over. Errors: kIo.
Result<int> stop_signal();

// Serves until stopped. Takes the listener.
Result<void> serve(const Options& options, Listener listener);

}  // namespace vidai::bench::mock
