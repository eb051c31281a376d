// SPDX-License-Identifier: Apache-2.0
#include "tests/explore/search.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "schema/base/rng.h"

namespace vidai::explore {

namespace {

constexpr int kHealingSteps = 400;
constexpr int kWalkSteps = 100;

struct Frame {
    World world;
    std::vector<Action> actions;
    std::size_t next = 0;
};
struct ByDigest {
    std::size_t operator()(const Digest& digest) const { return digest.a; }
};

int urgency(Kind kind) {
    switch (kind) {
        case Kind::kAdopt:
        case Kind::kCircle:
        case Kind::kTake:
        case Kind::kSeal:
            return 0;
        case Kind::kDeliver:
            return 1;
        case Kind::kRecord:
            return 2;
        case Kind::kGiveBack:
            return 3;
        case Kind::kGrant:
            return 4;
        case Kind::kSpend:
            return 5;
        default:
            return 6;
    }
}

// What a mesh without faults would do next, in some order.
std::vector<Action> calm_actions(const World& world, bool returns, Rng& rng) {
    std::vector<Action> all = world.actions(false);
    std::erase_if(all, [&](const Action& action) {
        const bool appends = action.kind == Kind::kActivate || action.kind == Kind::kRecord;
        return (action.kind == Kind::kGiveBack && !returns) ||
               (appends && world.seal_quorum(action.log));
    });
    for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[rng.below(i)]);
    std::ranges::stable_sort(all, {}, [](const Action& action) { return urgency(action.kind); });
    return all;
}

// Faults are over: everybody does what there is to do. What is broken or stuck then.
std::string heal(World world, Rng& rng, Found& found) {
    bool returns = rng.chance(0.5);
    for (int step = 0; step < kHealingSteps; ++step) {
        const std::vector<Action> actions = calm_actions(world, returns, rng);
        const auto done = std::ranges::find_if(
            actions, [&](const Action& action) { return world.perform(action); });
        if (done == actions.end() && !std::exchange(returns, false)) break;
        if (done != actions.end() && done->kind == Kind::kActivate) returns = false;
        if (auto why = world.broken(); !why.empty()) return why;
    }
    ++found.healed;
    return world.stuck();
}

}  // namespace

Found exhaust(const Scenario& scenario, const Bounds& bounds) {
    Found found;
    Rng rng(bounds.seed);
    std::unordered_set<Digest, ByDigest> seen;
    std::vector<Frame> path;
    std::vector<Action> steps;
    World start(scenario);
    seen.insert(start.digest());
    path.push_back({start, start.actions(true)});
    while (!path.empty() && found.broken.empty()) {
        Frame& top = path.back();
        if (top.next == top.actions.size()) {
            path.pop_back();
            if (!steps.empty()) steps.pop_back();
            continue;
        }
        const Action action = top.actions[top.next++];
        World next = top.world;
        if (!next.perform(action)) continue;
        ++found.transitions;
        if (!seen.insert(next.digest()).second) continue;
        steps.push_back(action);
        found.broken = next.broken();
        if (found.broken.empty() && seen.size() % bounds.heal_every == 0) {
            found.broken = heal(next, rng, found);
        }
        if (!found.broken.empty()) break;
        if (bounds.states_max > 0 && seen.size() >= bounds.states_max) break;
        std::vector<Action> actions = next.actions(true);
        path.push_back({std::move(next), std::move(actions)});
    }
    found.states = seen.size();
    found.exhausted = path.empty();
    found.steps = std::move(steps);
    return found;
}

Found walk(const Scenario& scenario, const Bounds& bounds) {
    Found found;
    Rng rng(bounds.seed);
    for (std::uint64_t i = 0; i < bounds.walks && found.broken.empty(); ++i) {
        World world(scenario);
        found.steps.clear();
        // Some walks have many seals or handovers, some few; some copies are slow.
        const double seals = rng.unit(), moves = rng.unit(), slow = rng.unit() * 0.8;
        const auto length = 10 + rng.below(kWalkSteps);
        for (std::uint64_t step = 0; step < length && found.broken.empty(); ++step) {
            std::vector<Action> actions = world.actions(true);
            if (actions.empty()) break;
            const Action action = actions[rng.below(actions.size())];
            const bool skipped = (action.kind == Kind::kSeal && rng.chance(seals)) ||
                                 (action.kind == Kind::kOut && rng.chance(moves)) ||
                                 (action.kind == Kind::kDeliver && rng.chance(slow)) ||
                                 (action.kind == Kind::kCrash && rng.chance(0.8));
            if (skipped || !world.perform(action)) continue;
            ++found.transitions;
            found.steps.push_back(action);
            found.broken = world.broken();
        }
        ++found.states;
        if (found.broken.empty()) found.broken = heal(world, rng, found);
    }
    return found;
}

}  // namespace vidai::explore
