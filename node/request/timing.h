// SPDX-License-Identifier: Apache-2.0
// When one request passed each door; what Server-Timing and /latency are computed from. All on the
// worker's monotonic clock; a zero time means "not reached".
#pragma once

#include "schema/vocabulary/time.h"

namespace vidai::node::request {

struct Timing {
    MonoTime received;        // after the recv that completed the request
    MonoTime authenticated;   // auth done
    MonoTime admitted;        // limits reserved
    MonoTime routed;          // targets chosen, body spliced
    MonoTime upstream_sent;   // just before the first upstream send of the attempt that answered
    MonoTime upstream_first;  // just after its first byte
};

}  // namespace vidai::node::request
