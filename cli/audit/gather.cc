// SPDX-License-Identifier: Apache-2.0
#include "cli/audit/gather.h"

#include <algorithm>
#include <barrier>
#include <cstddef>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace vidai::cli::audit {

namespace {

using Target = mesh::OperatorTarget;

struct Asking {
    const World& world;
    const Target& target;  // but for the address
    bool local_only;
    const BudgetId& budget;
    std::chrono::milliseconds timeout;
};

void ask(const Asking& asking, Operator& client, NodeBooks& node,
         mesh::MoneyBooks NodeBooks::* which) {
    auto said = client.money_books(asking.budget);
    if (said && said->node != node.id) {
        said = fail(ErrorCode::kUnavailable, said->node.str() + " answers at its address",
                    node.address);
    }
    if (said) node.*which = std::move(*said);
    if (!said) node.unreachable = std::move(said).error();
}

// A connection belongs to the thread that made it: so each helper has nodes of its own, from
// `first` on each kAskedAtOnce-th, and waits in between until all have heard theirs once.
void ask_some(const Asking& asking, std::span<NodeBooks> nodes, std::size_t first,
              std::barrier<>& all_heard) {
    std::vector<std::pair<NodeBooks*, std::unique_ptr<Operator>>> mine;
    for (std::size_t i = first; i < nodes.size(); i += kAskedAtOnce) {
        NodeBooks& node = nodes[i];
        if (node.unreachable) continue;
        Target there = asking.target;
        if (!asking.local_only) there.address = node.address;
        auto client = asking.world.connect(there, asking.timeout);
        if (client) mine.emplace_back(&node, std::move(*client));
        if (!client) node.unreachable = std::move(client).error();
    }
    for (auto& [node, client] : mine) ask(asking, *client, *node, &NodeBooks::before);
    all_heard.arrive_and_wait();
    for (auto& [node, client] : mine) {
        if (!node->unreachable) ask(asking, *client, *node, &NodeBooks::after);
    }
}

}  // namespace

Result<Books> gather(const World& world, const mesh::OperatorTarget& target, Operator& first,
                     const BudgetId& budget, std::chrono::milliseconds timeout) {
    auto members = first.members();
    if (!members) return fail(std::move(members).error());
    const bool local_only = target.address.starts_with("unix:");
    Books books;
    for (const mesh::Member& member : *members) {
        if (member.status == mesh::MemberStatus::kLeft) continue;
        NodeBooks node;
        node.id = member.id;
        node.address = member.address;
        node.status = member.status;
        node.in_status = std::max(std::chrono::milliseconds(0), world.clock() - member.since);
        if (local_only && !member.self) {
            node.unreachable = {ErrorCode::kUnavailable,
                                "only the node of this socket can be asked by it", member.address};
        }
        books.nodes.push_back(std::move(node));
    }
    std::ranges::sort(books.nodes, {}, &NodeBooks::id);

    const Asking asking{world, target, local_only, budget, timeout};
    const std::size_t count = std::min(books.nodes.size(), kAskedAtOnce);
    std::barrier<> all_heard(static_cast<std::ptrdiff_t>(count));
    std::vector<std::jthread> helpers;
    for (std::size_t i = 0; i < count; ++i) {
        helpers.emplace_back([&, i]() { ask_some(asking, books.nodes, i, all_heard); });
    }
    helpers.clear();
    return books;
}

}  // namespace vidai::cli::audit
