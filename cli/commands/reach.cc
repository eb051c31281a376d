// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/reach.h"

#include <algorithm>

namespace vidai::cli::commands {

Result<mesh::Member> find_member(Operator& mesh, const NodeId& node) {
    const auto members = mesh.members();
    if (!members) return fail(members.error());
    const auto found = std::ranges::find(*members, node, &mesh::Member::id);
    if (found != members->end()) return *found;
    return fail(ErrorCode::kNotFound,
                "no node '" + node.str() + "' is known; `vidaictl mesh members` shows all",
                node.str());
}

Result<std::unique_ptr<Operator>> reach(Call& call, const mesh::Member& member) {
    if (call.target().address.starts_with("unix:")) {
        return fail(ErrorCode::kUsage,
                    "a node's local socket is for that node only: ask with --server HOST:PORT, or "
                    "on the node itself",
                    "--server");
    }
    return call.connect_to(member.address);
}

}  // namespace vidai::cli::commands
