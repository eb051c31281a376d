// SPDX-License-Identifier: Apache-2.0
// Usage events from a damaged file or a bad peer: what is read, written again is read as the same,
// and counts once.
#include <cstdint>
#include <vector>

#include "mesh/usage/batch.h"
#include "mesh/usage/report.h"
#include "schema/vocabulary/check.h"

namespace usage = vidai::mesh::usage;

namespace {

std::vector<usage::Event> events_of(vidai::mesh::seal::ByteView bytes) {
    std::vector<usage::Event> events;
    const auto read =
        usage::read_batch(bytes, [&](const usage::Event& event) -> vidai::Result<void> {
            events.push_back(event);
            return {};
        });
    CHECK(read.has_value() == !events.empty());
    return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto events = events_of({data, size});
    if (events.empty()) return 0;
    usage::Batch batch;
    usage::Report report(usage::Query{.by = {usage::Field::kTeam, usage::Field::kModel}});
    for (const usage::Event& event : events) {
        batch.add(event);
        CHECK(report.add({}, event) && !report.add({}, event));
    }
    CHECK(events_of(batch.take()) == events);
    CHECK(report.sheet().total.events == events.size());
    return 0;
}
