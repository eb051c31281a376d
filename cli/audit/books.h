// SPDX-License-Identifier: Apache-2.0
// What `vidaictl budget audit` found out before it judges: the books of every node that could be
// asked, twice, and why the others could not. Values; any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "mesh/money_books.h"
#include "mesh/operator.h"
#include "schema/vocabulary/error.h"
#include "schema/vocabulary/ids.h"

namespace vidai::cli::audit {

struct NodeBooks {
    NodeId id;
    std::string address;
    mesh::MemberStatus status =
        mesh::MemberStatus::kAlive;         // as the node says that was asked first
    std::chrono::milliseconds in_status{};  // for so long
    std::optional<Error> unreachable;       // then there are no books
    // All that money does is only ever more: what an owner has granted in `after` is at least what
    // any holder had in `before`. So books of different moments can be compared, if they are not
    // all of one round.
    mesh::MoneyBooks before, after;
};

struct Books {
    std::vector<NodeBooks> nodes;  // ordered by id; all members that have not left
};

}  // namespace vidai::cli::audit
