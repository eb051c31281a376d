// SPDX-License-Identifier: Apache-2.0
// Who a request acts for, as authentication found it. A small value without pointers, so it may
// outlive the key table that it came from; admission looks the key up again and so sees a
// revocation in between.
#pragma once

#include <string_view>

#include "mesh/state/key_table.h"

namespace vidai::node::auth {

struct Principal {
    mesh::state::KeyIdChars key_id{};
    std::string_view id() const { return mesh::state::to_view(key_id); }  // lives in the Principal
};

}  // namespace vidai::node::auth
