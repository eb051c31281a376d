// SPDX-License-Identifier: Apache-2.0
// What a DNS server answers, and whose turn it then is.
#include <algorithm>

#include "mesh/seeds/seed_names.h"
#include "mesh/seeds/seed_turns.h"
#include "schema/vocabulary/check.h"

namespace seeds = vidai::mesh::seeds;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto records = seeds::read_srv_answer({data, size});
    if (!records) return 0;
    CHECK(records->size() <= seeds::kSrvRecordsMax);
    std::vector<seeds::SeedAddress> found;
    for (const seeds::SrvRecord& record : *records) {
        CHECK(!record.host.empty() && record.host.size() < 1'025 && record.port != 0);
        found.push_back(
            {record.host + ":" + std::to_string(record.port), record.priority, record.weight});
    }
    seeds::SeedTurns turns(size);
    for (int i = 0; i < 4; ++i) {
        const auto turn = turns.next("seed", found, [](const std::string&) { return false; });
        CHECK(turn.size() <= seeds::SeedTurns::kPerDial && turn.empty() == found.empty());
        for (const std::string& where : turn) {
            CHECK(std::ranges::find(found, where, &seeds::SeedAddress::where) != found.end());
        }
    }
    return 0;
}
