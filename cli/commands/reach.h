// SPDX-License-Identifier: Apache-2.0
// For what only a node itself can do: the member by its id, and a way to that very node.
#pragma once

#include <memory>

#include "cli/call.h"
#include "mesh/view.h"
#include "schema/vocabulary/ids.h"
#include "schema/vocabulary/result.h"

namespace vidai::cli::commands {

Result<mesh::Member> find_member(Operator& mesh, const NodeId& node);  // kNotFound
// Where `asked`, which answered with `member`, is another node. kUsage on a local socket.
Result<std::unique_ptr<Operator>> reach(Call& call, const mesh::Member& member);

}  // namespace vidai::cli::commands
