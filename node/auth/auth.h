// SPDX-License-Identifier: Apache-2.0
// The auth room: from the credential a client sent to the Principal it acts for. Pure but for
// libsodium's hash; any worker. About 250 ns.
//
// An unknown id costs the same hash as a known one, and revoked, unknown and wrong keys give one
// and the same error, so an answer tells nothing about which keys exist. No error holds any part
// of what was sent.
#pragma once

#include <string_view>

#include "mesh/state/key_table.h"
#include "node/auth/principal.h"
#include "schema/vocabulary/result.h"

namespace vidai::node::auth {

// `authorization`: the header's value, "Bearer KEY", scheme in any case; wins when not empty.
// `x_api_key`: that header's value, the bare key. Empty means absent.
// kMissingKey when both are absent, kInvalidKey for anything that is not a live key.
Result<Principal> authenticate(const mesh::state::KeyTable& keys, std::string_view authorization,
                               std::string_view x_api_key);

}  // namespace vidai::node::auth
