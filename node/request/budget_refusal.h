// SPDX-License-Identifier: Apache-2.0
// Which budget is in the way of a request, as a client's program is told it beside the error's
// message. A value.
#pragma once

#include <string>
#include <string_view>

namespace vidai::node::request {

struct BudgetRefusal {
    std::string budget;
    std::string_view reason;  // "exhausted", "owner_unreachable", ...; static storage
    std::string renews_at;    // RFC 3339; empty: it does not renew, or nobody knows
};

}  // namespace vidai::node::request
