// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/usage_nodes.h"

#include <algorithm>
#include <string>

#include "cli/commands/reach.h"
#include "cli/commands/spread.h"
#include "mesh/pricing/rate_card.h"

namespace vidai::cli::commands {

Result<WallTime> time_flag(const Call& call, const char* flag, WallTime otherwise) {
    const std::string* const text = call.flag(flag);
    if (text == nullptr) return otherwise;
    if (const auto time = mesh::pricing::parse_day(*text)) return *time;
    if (const auto span = parse_span(flag, *text)) return call.world().now - *span;
    return fail(ErrorCode::kUsage,
                std::string(flag) +
                    " takes a time ago such as 90s, 15m, 24h or 7d, or a date or time in UTC such "
                    "as 2026-11-01 or 2026-11-01T08:30:00Z, not '" +
                    *text + "'",
                flag);
}

Result<void> visit_nodes(Call& call, const VisitNode& visit) {
    auto first = call.connect();
    if (!first) return fail(std::move(first).error());
    auto members = (*first)->members();
    if (!members) return fail(std::move(members).error());
    std::ranges::stable_partition(*members, &mesh::Member::self);
    for (const mesh::Member& member : *members) {
        if (member.self) {
            visit(member, first->get(), nullptr);
        } else {
            const auto there = reach(call, member);
            visit(member, there ? there->get() : nullptr, there ? nullptr : &there.error());
        }
    }
    return {};
}

}  // namespace vidai::cli::commands
