// SPDX-License-Identifier: Apache-2.0
// The admit room: the one place where a request is let in. Whatever costs something goes through
// admit() and then fund() (node/admit/funding.h), and holds a Permit until it has ended; no funded
// Permit, no upstream call.
// Pure; any worker. About 100 ns.
#pragma once

#include <cstdint>
#include <string_view>

#include "mesh/limits/counter_table.h"
#include "mesh/state/key_table.h"
#include "node/admit/permit.h"
#include "node/auth/principal.h"
#include "node/request/rate_state.h"
#include "schema/vocabulary/result.h"
#include "schema/vocabulary/time.h"
#include "schema/vocabulary/units.h"

namespace vidai::node::admit {

struct Ask {
    std::string_view model;  // alias as the client named it
    Tokens tokens;           // reserved: input estimate plus the output allowed
    std::uint64_t requests = 1;
};

struct Admission {
    Result<Permit> permit;
    request::RateState rate;                      // for the headers, admitted or not
    const mesh::state::KeyRecord* key = nullptr;  // when admitted; lives in `keys`
};

// Checks, in order: the key still lives (kInvalidKey), its allow-list (kModelNotAllowed), its own
// limits and then those that it stands under for this model (kConcurrencyLimit, kRequestLimit,
// kTokenLimit); takes all of them or nothing. kResourceExhausted when this node has no counter left
// for the key or for one of the limits, or there are more limits than a request may stand under.
// `counters` outlives the Permit.
Admission admit(mesh::limits::CounterTable& counters, const mesh::state::KeyTable& keys,
                const auth::Principal& who, const Ask& ask, WallTime now);

// Whether the key's allow-list has the model; what GET /v1/models filters by.
bool may_use(const mesh::state::KeyRecord& record, std::string_view model);

}  // namespace vidai::node::admit
