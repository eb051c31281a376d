// SPDX-License-Identifier: Apache-2.0
#include "node/route/route_table.h"

#include <algorithm>
#include <bitset>
#include <limits>
#include <map>
#include <utility>

namespace vidai::node::route {
namespace {

std::unexpected<Error> bad(const std::string& alias, const std::string& what) {
    return fail(ErrorCode::kConfigInvalid, "model '" + alias + "': " + what, alias);
}

Result<void> check_target(const std::string& alias, const Target& target, std::size_t providers) {
    if (target.provider >= providers) return bad(alias, "a target names an unknown provider");
    if (target.model.empty()) return bad(alias, "a target has no model");
    if (target.weight < 1 || target.weight > kWeightMax) {
        return bad(alias, "a weight is 1 to " + std::to_string(kWeightMax));
    }
    return {};
}

Result<void> check_alias(const Alias& alias, std::size_t providers) {
    if (alias.name.empty()) return bad(alias.name, "a model needs a name");
    if (alias.groups.empty()) return bad(alias.name, "has no targets");
    for (const std::vector<Target>& group : alias.groups) {
        if (group.empty() || group.size() > kGroupMax) {
            return bad(alias.name, "a group has 1 to " + std::to_string(kGroupMax) + " targets");
        }
        for (const Target& target : group) {
            auto checked = check_target(alias.name, target, providers);
            if (!checked) return checked;
        }
    }
    return {};
}

}  // namespace

Result<RouteTable> RouteTable::make(RouteOptions options, std::size_t providers) {
    if (options.attempts_max < 1 || options.attempts_max > kAttemptsMax) {
        return fail(ErrorCode::kConfigInvalid,
                    "attempts_max is 1 to " + std::to_string(kAttemptsMax), "attempts_max");
    }
    RouteTable table;
    std::map<std::pair<std::uint16_t, std::string>, std::uint16_t> endpoints;
    for (std::size_t i = 0; i < options.aliases.size(); ++i) {
        const Alias& alias = options.aliases[i];
        auto checked = check_alias(alias, providers);
        if (!checked) return fail(std::move(checked).error());
        if (!table.index_.emplace(alias.name, static_cast<std::uint32_t>(i)).second) {
            return bad(alias.name, "is defined twice");
        }
        auto& groups = table.endpoint_of_.emplace_back();
        for (const std::vector<Target>& group : alias.groups) {
            auto& numbers = groups.emplace_back();
            for (const Target& target : group) {
                const auto next = static_cast<std::uint16_t>(endpoints.size());
                numbers.push_back(
                    endpoints.try_emplace({target.provider, target.model}, next).first->second);
            }
        }
        if (endpoints.size() > std::numeric_limits<std::uint16_t>::max()) {
            return bad(alias.name, "more than 65,535 distinct targets");
        }
    }
    table.endpoints_ = endpoints.size();
    table.options_ = std::move(options);
    return table;
}

Result<Plan> RouteTable::plan(std::string_view alias, Rng& rng) const {
    const auto found = index_.find(alias);
    if (found == index_.end()) {
        // What the client sent is quoted shortened: it may be megabytes, and it ends in a log.
        constexpr std::size_t kShown = 64;
        return fail(ErrorCode::kModelNotFound,
                    "no model '" + std::string(alias.substr(0, kShown)) +
                        (alias.size() > kShown ? "...'" : "'") +
                        " is configured; GET /v1/models lists them",
                    "model");
    }
    Plan plan;
    plan.attempts_max = options_.attempts_max;
    plan.alias = options_.aliases[found->second].name;
    const std::size_t groups = options_.aliases[found->second].groups.size();
    for (std::size_t group = 0; group < groups && plan.size_ < kPlanMax; ++group) {
        pick_group(found->second, group, rng, plan);
    }
    return plan;
}

void RouteTable::pick_group(std::size_t alias, std::size_t group, Rng& rng, Plan& plan) const {
    const std::vector<Target>& targets = options_.aliases[alias].groups[group];
    const std::vector<std::uint16_t>& numbers = endpoint_of_[alias][group];
    std::uint64_t total = 0;
    for (const Target& target : targets) total += target.weight;
    std::bitset<kGroupMax> taken;
    for (std::size_t left = targets.size(); left > 0 && plan.size_ < kPlanMax; --left) {
        std::uint64_t ticket = left > 1 ? rng.below(total) : 0;
        std::size_t at = 0;
        for (; taken[at] || ticket >= targets[at].weight; ++at) {
            if (!taken[at]) ticket -= targets[at].weight;
        }
        taken.set(at);
        total -= targets[at].weight;
        plan.choices_[plan.size_++] = {&targets[at], numbers[at]};
    }
}

}  // namespace vidai::node::route
