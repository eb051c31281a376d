// SPDX-License-Identifier: Apache-2.0
// Usage events from a damaged file or a bad peer: what is read, written again is read as the same,
// and counts once.
#include "mesh/usage/event_bytes.h"
#include "mesh/usage/report.h"
#include "schema/vocabulary/check.h"

namespace usage = vidai::mesh::usage;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto event = usage::decode_event({data, size});
    if (!event) return 0;
    const auto read = usage::decode_event(usage::encode_event(*event));
    CHECK(read && *read == *event);
    usage::Report report(usage::Query{.by = {usage::Field::kTeam, usage::Field::kModel}});
    CHECK(report.add({}, *event) && !report.add({}, *read));
    CHECK(report.total().events == 1 && report.rows().size() == 1);
    return 0;
}
