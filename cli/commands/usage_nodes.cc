// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/usage_nodes.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <utility>

#include "cli/commands/spread.h"
#include "mesh/pricing/rate_card.h"

namespace vidai::cli::commands {

namespace {
constexpr std::size_t kAskedAtOnce = 16;
}  // namespace

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

std::vector<Result<void>> ask_nodes(Call& call, const std::vector<UsagePlan::Node>& nodes,
                                    const std::vector<std::size_t>& which, const AskNode& ask) {
    const bool local = call.target().address.starts_with("unix:");
    std::vector<Result<void>> results(which.size());
    // Each is one helper's alone, so that nothing is shared but the index.
    std::atomic<std::size_t> next{0};
    const auto work = [&]() {
        for (std::size_t i = next++; i < which.size(); i = next++) {
            const mesh::Member& member = nodes[which[i]].member;
            mesh::OperatorTarget target = call.target();
            if (!member.self) target.address = member.address;
            if (!member.self && local) {
                results[i] =
                    fail(ErrorCode::kUnavailable,
                         "it was not asked: a local socket is for one node only", member.address);
                continue;
            }
            auto there = call.world().connect(target, call.settings().timeout);
            results[i] = there ? ask(which[i], **there) : fail(std::move(there).error());
        }
    };
    std::vector<std::jthread> helpers;
    for (std::size_t i = 0; i < std::min(which.size(), kAskedAtOnce); ++i) {
        helpers.emplace_back(work);
    }
    helpers.clear();
    return results;
}

Result<UsagePlan> plan_usage(Call& call) {
    auto first = call.connect();
    if (!first) return fail(std::move(first).error());
    auto members = (*first)->members();
    if (!members) return fail(std::move(members).error());
    std::ranges::stable_partition(*members, &mesh::Member::self);
    std::vector<UsagePlan::Node> nodes;
    std::vector<std::size_t> others;
    for (mesh::Member& member : *members) {
        auto& node = nodes.emplace_back(UsagePlan::Node{.member = std::move(member), .has = {}});
        if (!node.member.self) {
            others.push_back(nodes.size() - 1);
            continue;
        }
        auto has = (*first)->usage_holdings();
        if (!has) return fail(std::move(has).error());
        node.has = std::move(*has);
    }
    const auto asked =
        ask_nodes(call, nodes, others, [&](std::size_t node, Operator& there) -> Result<void> {
            auto has = there.usage_holdings();
            if (!has) return fail(std::move(has).error());
            nodes[node].has = std::move(*has);
            return {};
        });
    for (std::size_t i = 0; i < others.size(); ++i) {
        if (!asked[i]) nodes[others[i]].why = asked[i].error();
    }
    return UsagePlan(std::move(nodes));
}

std::string missing_text(const UsagePlan& plan) {
    std::string text;
    for (const UsagePlan::Node& node : plan.nodes()) {
        if (node.has) continue;
        const std::uint64_t copied = plan.copied(node.member.id);
        text += "Calls that " + node.member.id.str() + " made are not in it";
        if (copied > 0) text += " but for those that others have copies of";
        text += ": " + node.why.message + "\n";
    }
    return text;
}

}  // namespace vidai::cli::commands
