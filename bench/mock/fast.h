// SPDX-License-Identifier: Apache-2.0
// The canned mode: the same provider as seen by a load test, at one recv and one send per request
// and no allocation, so that what is measured is the gateway in front of it. It looks for the
// content length, "stream":true and include_usage, and answers every path; no bill, no faults.
// GET /mock/stats still answers. One thread.
#pragma once

#include "bench/mock/options.h"
#include "bench/mock/server.h"

namespace vidai::bench::mock {

// Serves until SIGTERM or SIGINT. Takes the listener. Errors: kIo; kUsage for TLS, which it lacks.
Result<void> serve_fast(const Options& options, Listener listener);

}  // namespace vidai::bench::mock
